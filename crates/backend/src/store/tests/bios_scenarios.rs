//! BIOS settings: the last ones count, and what did not change keeps its times.

use cupola_api::bios_setting::BiosSetting;

use super::node;
use crate::store::Store;

pub(super) async fn bios_settings_are_replaced(store: Store) {
    let node = store.create_node(node("n1")).await.expect("a node").uuid;
    let setting = |name: &str, value: &str| BiosSetting::new(name, Some(value.to_owned()));
    let kept = async || store.bios_settings(node).await.expect("read");

    let first = [setting("b", "1"), setting("a", "1"), setting("c", "1")];
    store.put_bios_settings(node, &first).await.expect("kept");
    let before = kept().await;
    let names: Vec<&str> = before.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert!(
        before
            .iter()
            .all(|s| s.created_at.is_some() && s.updated_at.is_none())
    );

    let second = [setting("a", "1"), setting("b", "2")];
    store.put_bios_settings(node, &second).await.expect("kept");
    let after = kept().await;
    assert_eq!(after.len(), 2);
    assert_eq!(after[0], before[0]);
    assert_eq!(after[1].value.as_deref(), Some("2"));
    assert_eq!(after[1].created_at, before[1].created_at);
    assert!(after[1].updated_at.is_some());

    store.put_bios_settings(node, &[]).await.expect("kept");
    assert!(kept().await.is_empty());
    let unknown = cupola_api::NodeId::random();
    let refused = store.put_bios_settings(unknown, &first).await;
    assert!(refused.is_err(), "{refused:?}");
}
