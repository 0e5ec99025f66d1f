//! Runbooks and inspection rules: kept, unique, and sealed, for both can hold passwords.

use cupola_api::id::{InspectionRuleId, RunbookId};
use cupola_api::inspection_rule::InspectionRule;
use cupola_api::runbook::Runbook;
use serde_json::json;

use super::PASSWORD;
use crate::store::database::assembled;
use crate::store::{Cell, Only, Store, StoreError};

/// A row of the time before the column.
pub(super) async fn what_is_public_is_filled_in(store: Store) {
    for (name, public) in [("secret", false), ("open", true)] {
        let book =
            json!({"uuid": RunbookId::random(), "name": name, "public": public, "steps": []});
        let book: Runbook = serde_json::from_value(book).expect("a runbook");
        store.create_document(book).await.expect("made");
    }
    let seen = async || {
        let of = [Only::OwnedByOrPublic("p1".to_owned())];
        let seen = store.documents::<Runbook>(&of).await.expect("read");
        let names: Vec<_> = seen.into_iter().map(|book| book.name).collect();
        names.join(" ")
    };
    let forget = assembled("UPDATE runbooks SET public = NULL".to_owned(), Vec::new());
    store.database().execute(forget).await.expect("forgotten");
    assert_eq!(seen().await, "");
    store.fill_public().await.expect("filled in");
    assert_eq!(seen().await, "open");
}

pub(super) async fn runbooks_and_rules_are_kept(store: Store) {
    let book = json!({"uuid": RunbookId::random(), "name": "book", "owner": "p1",
        "traits": ["CUSTOM_A"], "steps": [{"interface": "bios", "step": "a", "order": 1,
        "args": {"password": PASSWORD}}]});
    let book: Runbook = serde_json::from_value(book).expect("a runbook");
    let made = store.create_document(book.clone()).await.expect("made");
    let read: Runbook = store.document(made.uuid.0).await.expect("read");
    assert_eq!(read, made);
    let again = Runbook {
        uuid: RunbookId::random(),
        ..book
    };
    let taken = store.create_document(again).await.err();
    assert_eq!(
        taken.map(|error| error.to_string()).as_deref(),
        Some("A runbook with name book already exists.")
    );
    let of = async |owner: &str| {
        let of_owner = [Only::Is("owner", Cell::text(owner))];
        let owned = store.documents::<Runbook>(&of_owner).await;
        owned.expect("read").len()
    };
    assert_eq!((of("p1").await, of("p2").await), (1, 0));

    let rule = json!({"uuid": InspectionRuleId::random(), "sensitive": true, "actions": [
        {"op": "set-attribute", "args": {"path": "driver_info/ipmi_password", "value": PASSWORD}}]});
    let rule: InspectionRule = serde_json::from_value(rule).expect("a rule");
    let made = store.create_document(rule).await.expect("made");
    let read: InspectionRule = store.document(made.uuid.0).await.expect("read");
    assert_eq!(read, made);
    let gone = store.delete_document::<InspectionRule>(made.uuid.0).await;
    gone.expect("deleted");
    let gone = store.delete_document::<InspectionRule>(made.uuid.0).await;
    assert!(matches!(
        gone,
        Err(StoreError::NotFound { what: "Rule", .. })
    ));
}
