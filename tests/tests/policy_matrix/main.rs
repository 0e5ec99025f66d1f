//! Who may do what, over HTTP: everybody asks every operation of the table, and the answers are compared
//! with what the table of rules says. By tokens of a real Keystone every role in every scope, by
//! `http_basic` who is known and who is not. What is asked is in `questions`, of what in `things`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may end where it cannot go on"
)]

mod questions;
mod things;

use std::collections::HashSet;

use anyhow::{Result, ensure};
use cupola_api::contract::{Operation, ROUTES};
use cupola_tests::keystone::{Keystone, PASSWORD, Scope, environment};
use cupola_tests::oracle::Place;
use cupola_tests::serve::Serve;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use questions::{Expected, Question};
use things::{Client, Things};

/// Roles, and those that come with them by Keystone's bootstrap.
const ROLES: [(&str, &[&str]); 6] = [
    ("admin", &["admin", "manager", "member", "reader"]),
    ("manager", &["manager", "member", "reader"]),
    ("member", &["member", "reader"]),
    ("reader", &["reader"]),
    ("service", &["service"]),
    ("nothing", &["nothing"]),
];

const PLACES: [Place; 4] = [Place::System, Place::Owner, Place::Lessee, Place::Other];

/// Requests under way at once.
const AT_ONCE: usize = 8;

/// Somebody.
struct Persona {
    roles: &'static [&'static str],
    place: Place,
    token: String,
}

/// Everybody, with a token each.
async fn personas(keystone: &Keystone, projects: &[String; 3]) -> Result<Vec<Persona>> {
    let mut all = Vec::new();
    keystone.make_role("nothing").await?;
    for (role, roles) in ROLES {
        let name = format!("the-{role}");
        let (user, role) = (keystone.user(&name).await?, keystone.role(role).await?);
        for place in PLACES {
            let scope = match place {
                Place::System => Scope::System,
                Place::Owner => Scope::Project(projects[0].clone()),
                Place::Lessee => Scope::Project(projects[1].clone()),
                Place::Other => Scope::Project(projects[2].clone()),
            };
            keystone.grant(&user, &role, &scope).await?;
            let token = keystone.token(&name, &scope).await?;
            all.push(Persona {
                roles,
                place,
                token,
            });
        }
    }
    Ok(all)
}

/// How somebody says who it is: a header and its value.
type Proof<'a> = Option<(&'static str, &'a str)>;

async fn status(client: &Client, question: &Question, proof: Proof<'_>) -> Result<StatusCode> {
    let mut request = client.request(question.method.clone(), &question.path);
    if let Some((name, value)) = proof {
        request = request.header(name, value);
    }
    if let Some(body) = &question.body {
        request = request.json(body);
    }
    Ok(request.send().await?.status())
}

/// Asks all; what was answered otherwise than expected, and how many were asked.
async fn ask(
    client: &Client,
    questions: Vec<(Question, String, Proof<'_>)>,
) -> Result<(usize, Vec<String>)> {
    let asked = stream::iter(questions).map(|(question, who, proof)| async move {
        let got = status(client, &question, proof).await?;
        let is_right = question.expected.is(got);
        let text = format!(
            "{} {} {who}: {got}, not {:?}",
            question.method, question.path, question.expected
        );
        anyhow::Ok((!is_right).then_some(text))
    });
    let results: Vec<Option<String>> = asked.buffer_unordered(AT_ONCE).try_collect().await?;
    let count = results.len();
    let mut wrong: Vec<String> = results.into_iter().flatten().collect();
    wrong.sort_unstable();
    Ok((count, wrong))
}

fn check((count, wrong): (usize, Vec<String>), least: usize) -> Result<()> {
    let told = wrong.join("\n");
    ensure!(wrong.is_empty(), "{} of {count}:\n{told}", wrong.len());
    ensure!(count > least, "only {count} questions");
    Ok(())
}

#[test]
fn every_operation_is_asked() {
    let things = Things::default();
    let admin = ROLES[0].1;
    let asked: HashSet<Operation> = ROUTES
        .iter()
        .flat_map(|route| questions::of(&things, route, None, false))
        .chain(ROUTES.iter().flat_map(|route| {
            let who = Some((admin, Place::System));
            questions::of(&things, route, who, false)
        }))
        .map(|question| question.operation)
        .collect();
    let mut routes = ROUTES.iter();
    let left_out = routes.find(|route| !asked.contains(&route.operation));
    assert!(left_out.is_none(), "{left_out:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_may_what_the_rules_say_and_nothing_else() -> Result<()> {
    let Some(venv) = environment("everybody_may_what_the_rules_say_and_nothing_else")? else {
        return Ok(());
    };
    let directory = tempfile::tempdir()?;
    let keystone = Keystone::start(&venv, &directory.path().join("keystone"), 3600).await?;
    let sets = [
        format!("keystone.auth_url={}", keystone.url()),
        format!("keystone.password={PASSWORD}"),
        "keystone.username=admin".to_owned(),
        // Each token is asked about once.
        "keystone.token_cache_time=600".to_owned(),
        "drivers.enabled=[\"fake-hardware\"]".to_owned(),
    ];
    let mut arguments = vec!["--auth", "keystone"];
    arguments.extend(sets.iter().flat_map(|set| ["--set", set.as_str()]));
    let service = Serve::start(directory.path(), &arguments)?;
    let mut projects = [const { String::new() }; 3];
    for (id, name) in projects.iter_mut().zip(["owner", "lessee", "other"]) {
        *id = keystone.project(name).await?;
    }
    let personas = personas(&keystone, &projects).await?;
    let client = Client::new(&service);
    let [admin, owner] = [&personas[0].token, &personas[1].token].map(|t| ("x-auth-token", t));
    let things = Things::make(
        &client,
        (admin.0, admin.1),
        (owner.0, owner.1),
        [&projects[0], &projects[1]],
    )
    .await?;
    let before = things.state(&client, (admin.0, admin.1)).await?;
    let mut all = Vec::new();
    for route in ROUTES {
        for who in &personas {
            let whose = Some((who.roles, who.place));
            let proof = Some(("x-auth-token", who.token.as_str()));
            let name = format!("{} {:?}", who.roles[0], who.place);
            let asked = questions::of(&things, route, whose, false);
            all.extend(asked.into_iter().map(|q| (q, name.clone(), proof)));
        }
        let strangers = questions::of(&things, route, None, false);
        all.extend(
            strangers
                .into_iter()
                .map(|q| (q, "stranger".to_owned(), None)),
        );
    }
    check(ask(&client, all).await?, 4000)?;
    // Nobody has changed anything.
    let after = things.state(&client, (admin.0, admin.1)).await?;
    ensure!(before == after, "{before:#} is {after:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn by_http_basic_who_is_known_may_everything_and_nobody_else_anything() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let users = directory.path().join("users");
    // The password is `geheim`, at the lowest cost.
    let hash = "$2b$04$jeiP1gJMmlI6YWg6TmLIjemCBP9TUuEnitV6P53hTDiIODlRtl82u";
    std::fs::write(&users, format!("ann:{hash}\n"))?;
    let sets = [
        format!("api.http_basic_auth_user_file={}", users.display()),
        "drivers.enabled=[\"fake-hardware\"]".to_owned(),
    ];
    let mut arguments = vec!["--auth", "http_basic"];
    arguments.extend(sets.iter().flat_map(|set| ["--set", set.as_str()]));
    let service = Serve::start(directory.path(), &arguments)?;
    let client = Client::new(&service);
    // `ann:geheim`
    let ann = ("authorization", "Basic YW5uOmdlaGVpbQ==");
    let things = Things::make(&client, ann, ann, ["owner", "lessee"]).await?;
    let before = things.state(&client, ann).await?;
    let admin = Some((ROLES[0].1, Place::System));
    let mut all = Vec::new();
    for route in ROUTES {
        let known = questions::of(&things, route, admin, true);
        all.extend(known.into_iter().map(|q| (q, "ann".to_owned(), Some(ann))));
        for question in questions::of(&things, route, None, false) {
            all.push((question, "stranger".to_owned(), None));
        }
    }
    check(ask(&client, all).await?, 350)?;
    // A few: who guesses is slowed down.
    for path in ["/v1/nodes", "/cupola/v1/nodes", "/metrics"] {
        let question = Question {
            operation: Operation::ListNodes,
            method: http::Method::GET,
            path: path.to_owned(),
            body: None,
            expected: Expected::Refusal(401),
        };
        // `ann:geraten`
        let wrong = Some(("authorization", "Basic YW5uOmdlcmF0ZW4="));
        ensure!(status(&client, &question, wrong).await? == 401, "{path}");
    }
    ensure!(before == things.state(&client, ann).await?, "changed");
    Ok(())
}
