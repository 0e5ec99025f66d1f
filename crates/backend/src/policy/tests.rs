//! Policy files: what they override, and what becomes of broken ones.

use super::*;
use crate::auth::Scope;

fn member(project: &str) -> Credentials {
    Credentials {
        user_id: "u1".to_owned(),
        user_name: "ann".to_owned(),
        user_domain_id: "default".to_owned(),
        roles: vec!["member".to_owned(), "Reader".to_owned()],
        scope: Scope::Project {
            id: project.to_owned(),
            name: project.to_owned(),
            domain_id: "default".to_owned(),
        },
        is_admin_project: true,
    }
}

fn written(text: &str) -> (tempfile::TempDir, Api) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.yaml");
    std::fs::write(&path, text).unwrap();
    let api = Api {
        policy_file: Some(path),
        ..Api::default()
    };
    (directory, api)
}

fn problems(text: &str) -> Vec<String> {
    let (_directory, api) = written(text);
    check_file(api.policy_file.as_deref().unwrap()).unwrap().0
}

fn of(owner: &str) -> Target<'_> {
    Target {
        node_owner: Some(owner),
        ..Target::default()
    }
}

/// Looks at the file again however short ago that was.
async fn now(policy: &Policy) -> Arc<Rules> {
    policy.known.lock().at = Instant::now().checked_sub(FRESH * 2).unwrap();
    policy.rules().await
}

#[tokio::test]
async fn a_file_overrides_single_rules_and_a_broken_one_none() {
    let (_directory, api) = written("\"baremetal:node:delete\": \"role:member\"\n");
    let policy = Policy::open(&api).unwrap();
    let may = |rules: &Rules, rule| policy.passes(rules, rule, &member("p"), of("q"));
    let rules = policy.rules().await;
    assert!(may(&rules, Rule::NodeDelete) && !may(&rules, Rule::NodeGet));
    let path = api.policy_file.as_deref().unwrap();
    std::fs::write(path, "\"baremetal:node:delete\": \"role:member and\"\n").unwrap();
    assert!(may(&*now(&policy).await, Rule::NodeDelete));
    std::fs::write(path, r#"{"baremetal:node:get": "@"}"#).unwrap();
    let rules = now(&policy).await;
    assert!(!may(&rules, Rule::NodeDelete) && may(&rules, Rule::NodeGet));
    std::fs::remove_file(path).unwrap();
    assert!(may(&*now(&policy).await, Rule::NodeGet));
}

#[tokio::test]
async fn a_request_that_is_cut_off_does_not_end_the_looking() {
    let (_directory, api) = written("\"baremetal:node:delete\": \"role:member\"\n");
    let policy = Policy::open(&api).unwrap();
    policy.known.lock().at = Instant::now().checked_sub(FRESH * 2).unwrap();
    let mut cut_off = Box::pin(policy.rules());
    let _ = futures_util::poll!(&mut cut_off);
    drop(cut_off);
    let path = api.policy_file.as_deref().unwrap();
    std::fs::write(path, r#"{"baremetal:node:get": "@"}"#).unwrap();
    let seen = async {
        while !policy.passes(&*now(&policy).await, Rule::NodeGet, &member("p"), of("q")) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), seen)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_pipe_in_the_place_of_the_file_holds_up_nobody() {
    let (_directory, api) = written("\"baremetal:node:delete\": \"role:member\"\n");
    let policy = Policy::open(&api).unwrap();
    let path = api.policy_file.as_deref().unwrap();
    operator_file::tests::pipe(path);
    assert!(policy.passes(
        &*now(&policy).await,
        Rule::NodeDelete,
        &member("p"),
        of("q")
    ));
    let error = policy.reload().await.unwrap().unwrap_err();
    assert!(error.contains("a named pipe"), "{error}");
    assert!(check_file(path).is_err());
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    let (_directory, api) = written("\"baremetal:node:get\": \"role:a role:b\"\n");
    let error = Policy::open(&api).unwrap_err().to_string();
    assert!(
        error.contains("rule baremetal:node:get in line 1") && error.contains("at character 8"),
        "{error}"
    );
    let (_directory, api) = written(
        "# who\n\"baremetal:node:get\": \"@\"\n\n'baremetal:node:list' : 'role:a or http://h/check'\n",
    );
    let error = Policy::open(&api).unwrap_err().to_string();
    assert!(
        error.contains("rule baremetal:node:list in line 4") && error.contains("another service"),
        "{error}"
    );
    let (_directory, api) = written("- role:a\n");
    let error = Policy::open(&api).unwrap_err().to_string();
    assert!(error.contains("is not a list of rules"), "{error}");
    let (_directory, api) = written("# nothing\n\n");
    assert!(Policy::open(&api).is_ok());
}

#[test]
fn what_refers_to_nothing_or_to_itself_is_passed_by_nobody() {
    assert!(problems("\"mine\": \"role:x\"\n\"baremetal:node:get\": \"rule:mine\"\n").is_empty());
    let typo = problems("\"baremetal:node:gat\": \"role:x\"\n");
    assert!(
        typo[0].contains("there is no rule baremetal:node:gat"),
        "{typo:?}"
    );
    let (_directory, api) = written(
        "\"a\": \"rule:b\"\n\"b\": \"not rule:a\"\n\"baremetal:node:get\": \"rule:a or @\"\n\
         \"baremetal:node:list\": \"not rule:nowhere\"\n",
    );
    let told = check_file(api.policy_file.as_deref().unwrap())
        .unwrap()
        .0
        .join("\n");
    assert!(told.contains("nobody passes baremetal:node:get") && told.contains("circle"));
    assert!(told.contains("there is no rule nowhere"), "{told}");
    let policy = Policy::open(&api).unwrap();
    let rules = Arc::clone(&policy.known.lock().rules);
    for rule in [Rule::NodeGet, Rule::NodeList] {
        assert!(!policy.passes(&rules, rule, &member("p"), of("p")));
    }
}

#[test]
fn roles_are_told_apart_without_case_and_nothing_equals_nothing() {
    let policy = Policy::open(&Api::default()).unwrap();
    let rules = Arc::clone(&policy.known.lock().rules);
    let may = |who: &Credentials, target| policy.passes(&rules, Rule::NodeGet, who, target);
    assert!(may(&member("p"), of("p")));
    assert!(!may(&member("p"), Target::default()));
    assert!(!may(&member(""), Target::default()));
    let mut nowhere = member("p");
    nowhere.scope = Scope::Unscoped;
    assert!(!may(&nowhere, Target::default()) && !may(&nowhere, of("None")));
}
