//! `/v1/runbooks` (wire reference §14.2): making, reading, changing, deleting, and the traits of
//! nodes that one may be used on. What its steps do is the conductor's.

mod check;
mod usage;

use cupola_api::fault::ApiFault;
use cupola_api::node::Node;
use cupola_api::patch::PatchOperation;
use cupola_api::policy::Rule;
use cupola_api::runbook::{RUNBOOKS, Runbook};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::announce;
use super::answer::{Answer, Failure, empty, located, ok};
use super::body::{self, Size};
use super::call::Call;
use super::collection::{self, ListRequest, Shape, touches};
use super::nodes::traits;
use super::repr::repr;
use super::schema::fault;
use crate::policy::Target;
use crate::store::Only;
pub(super) use usage::apply;

const ONE_OR_ALL: &str = "A single runbook trait may be added via PUT /v1/runbooks/<runbook identifier>/traits/<trait> \
     with no body, or all runbook traits may be replaced via PUT /v1/runbooks/<runbook \
     identifier>/traits with the list of traits specified in the request body.";

/// `GET /v1/runbooks`.
pub(super) async fn list(call: &mut Call) -> Answer {
    let request = ListRequest::take(call, &RUNBOOKS, false)?;
    // Without projects it is everyone's list.
    call.arguments.boolean("project")?;
    let own = call.only_project();
    let filters = own.map(|own| Only::OwnedByOrPublic(own.to_owned()));
    let filters: Vec<Only> = filters.into_iter().collect();
    collection::list::<Runbook>(call, &request, &filters, RUNBOOKS.path).await
}

/// `POST /v1/runbooks`.
pub(super) async fn create(call: &mut Call) -> Answer {
    let what = RUNBOOKS.words.body;
    let mut given = body::object(call.json(Size::Usual).await?, what)?;
    check::known_names(&given, call.version)?;
    check::steps(&mut given, what)?;
    let mut runbook: Runbook = collection::build(given, call.version)?;
    runbook.owner = runbook.owner.filter(|owner| !owner.is_empty());
    check::name(&runbook.name, call.version, what)?;
    check::no_duplicates(&runbook)?;
    call.must_run(steps(&runbook), None)?;
    give_owner(call, &mut runbook)?;
    if runbook.public && runbook.owner.is_some() {
        return Err(ApiFault::bad_request(
            "There cannot be an owner for a public runbook: give either one or the other",
        )
        .into());
    }
    let runbook = announce::create(call, runbook).await?;
    collection::created(call, &runbook)
}

/// What is made by who is of a project belongs to that project, and is not for all.
fn give_owner(call: &Call, runbook: &mut Runbook) -> Result<(), ApiFault> {
    if !call.is_of_project() {
        return Ok(());
    }
    let own = call.own_project();
    if runbook
        .owner
        .as_deref()
        .is_some_and(|owner| Some(owner) != own)
    {
        return Err(ApiFault::bad_request(
            "Cannot create a runbook as a project scoped admin with an owner other than your own \
             project.",
        ));
    }
    if runbook.public {
        return Err(ApiFault::bad_request(
            "Cannot create a public runbook as a project scoped admin.",
        ));
    }
    runbook.owner = own.map(str::to_owned);
    Ok(())
}

/// The runbook of a path; the caller passes these rules on it.
async fn find(call: &Call, ident: &str, rules: &[Rule]) -> Result<Runbook, Failure> {
    let runbook: Runbook = collection::find_named(call, ident).await?;
    for rule in rules {
        must(call, &runbook, *rule)?;
    }
    Ok(runbook)
}

/// A runbook for a node; the caller may use it.
pub(super) async fn usable(call: &Call, ident: &str) -> Result<Runbook, Failure> {
    find(call, ident, &[Rule::RunbookUse]).await
}

/// Refuses who may not run the steps of a project's runbook on a node. One of nobody's, or everybody's, was
/// made by who may allow that.
pub(super) fn check_use(call: &Call, runbook: &Runbook, node: &Node) -> Result<(), ApiFault> {
    if runbook.owner.is_none() || runbook.public {
        return Ok(());
    }
    call.must_run(steps(runbook), Some(node))
}

/// The interfaces and names of its steps.
fn steps(runbook: &Runbook) -> impl Iterator<Item = (&str, &str)> {
    let steps = runbook.steps.iter();
    steps.map(|step| (step.interface.as_str(), step.step.as_str()))
}

/// Everybody may see a public one.
fn check_reads(call: &Call, runbook: &Runbook) -> Result<(), ApiFault> {
    if runbook.public {
        call.pass_all();
        return Ok(());
    }
    must(call, runbook, Rule::RunbookGet)
}

fn target(runbook: &Runbook) -> Target<'_> {
    Target {
        runbook_owner: runbook.owner.as_deref(),
        ..Target::default()
    }
}

fn must(call: &Call, runbook: &Runbook, rule: Rule) -> Result<(), ApiFault> {
    let what = format_args!("runbook {}", runbook.uuid);
    call.must(rule, target(runbook), what)
}

/// The rules of what a patch touches.
fn patch_rules(patch: &[PatchOperation]) -> Vec<Rule> {
    let rule = |operation: &PatchOperation| match operation.path.as_str() {
        path if path.starts_with("/owner") => Rule::RunbookUpdateOwner,
        path if path.starts_with("/public") => Rule::RunbookUpdatePublic,
        _ => Rule::RunbookUpdate,
    };
    let mut rules: Vec<Rule> = patch.iter().map(rule).collect();
    if rules.is_empty() {
        rules.push(Rule::RunbookUpdate);
    }
    rules
}

/// `GET /v1/runbooks/{runbook}`.
pub(super) async fn show(call: &mut Call, ident: &str) -> Answer {
    let shape = Shape::of_one(&mut call.arguments, &RUNBOOKS, call.version)?;
    let runbook = find(call, ident, &[]).await?;
    check_reads(call, &runbook)?;
    collection::show(&shape, call, &runbook)
}

/// `PATCH /v1/runbooks/{runbook}`.
pub(super) async fn update(call: &mut Call, ident: &str) -> Answer {
    let patch = collection::read_patch(call, &RUNBOOKS).await?;
    let mut before = find(call, ident, &patch_rules(&patch)).await?;
    check::owner(&before, &patch)?;
    if check::given(&patch, "public").is_some() {
        before.owner = None;
    }
    let mut after: Runbook =
        collection::patched_by(&before, &patch, |document| check::steps(document, "patch"))?;
    if touches(&patch, "name") {
        check::newest_name(&after.name, RUNBOOKS.words.patch)?;
    }
    check::no_duplicates(&after)?;
    if touches(&patch, "steps") {
        call.must_run(steps(&after), None)?;
    }
    if after.public {
        after.owner = None;
    }
    if after == before {
        return collection::whole(call, &before);
    }
    let after = announce::save(call, after).await?;
    collection::whole(call, &after)
}

/// `DELETE /v1/runbooks/{runbook}`.
pub(super) async fn delete(call: &mut Call, ident: &str) -> Answer {
    let runbook = find(call, ident, &[Rule::RunbookDelete]).await?;
    announce::delete(call, &runbook).await?;
    empty(StatusCode::NO_CONTENT)
}

/// `/v1/runbooks/{runbook}/traits`: reads, replaces or removes all.
pub(super) async fn all_traits(call: &mut Call, ident: &str) -> Answer {
    let runbook = find(call, ident, &[]).await?;
    if call.method == Method::GET {
        check_reads(call, &runbook)?;
        return ok(&json!({ "traits": runbook.traits }));
    }
    must(call, &runbook, Rule::RunbookUpdate)?;
    let wanted = if call.method == Method::DELETE {
        Vec::new()
    } else {
        read_traits(call).await?
    };
    keep_traits(call, runbook, wanted).await?;
    empty(StatusCode::NO_CONTENT)
}

/// `/v1/runbooks/{runbook}/traits/{trait}`: adds one, or removes it if it is there.
pub(super) async fn one_trait(call: &mut Call, ident: &str, name: &str) -> Answer {
    let runbook = find(call, ident, &[Rule::RunbookUpdate]).await?;
    let mut wanted = runbook.traits.clone();
    if call.method == Method::DELETE {
        wanted.retain(|known| known != name);
        keep_traits(call, runbook, wanted).await?;
        return empty(StatusCode::NO_CONTENT);
    }
    if !call.members(&["traits"], Size::Usual).await?.is_empty() {
        let text = "No body should be provided when adding a trait: a list of traits goes to the path \
                    without a trait";
        return Err(ApiFault::bad_request(text).into());
    }
    if let Some(reason) = traits::reason(name) {
        return Err(fault("trait", reason).into());
    }
    wanted.push(name.to_owned());
    keep_traits(call, runbook, wanted).await?;
    let location = call.url(format_args!("runbooks/{ident}/traits/{name}"));
    located(empty(StatusCode::NO_CONTENT), &location)
}

async fn read_traits(call: &mut Call) -> Result<Vec<String>, Failure> {
    let what = "body";
    let mut members = body::object(call.json(Size::Usual).await?, what)?;
    let items = match members.remove("traits") {
        Some(Value::Array(items)) => items,
        Some(other) => {
            let text = format!("{} is not of type 'array'", repr(&other));
            return Err(fault(what, text).into());
        }
        None => return Err(ApiFault::bad_request(ONE_OR_ALL).into()),
    };
    let unknown: Vec<&str> = members.keys().map(String::as_str).collect();
    if !unknown.is_empty() {
        return Err(body::additional(&unknown, what).into());
    }
    let mut names = Vec::with_capacity(items.len());
    for item in items {
        let Value::String(name) = item else {
            let text = format!("{} is not of type 'string'", repr(&item));
            return Err(fault(what, text).into());
        };
        if let Some(reason) = traits::reason(&name) {
            return Err(fault(what, reason).into());
        }
        names.push(name);
    }
    Ok(names)
}

async fn keep_traits(
    call: &Call,
    mut runbook: Runbook,
    mut wanted: Vec<String>,
) -> Result<(), Failure> {
    wanted.sort();
    wanted.dedup();
    if wanted != runbook.traits {
        runbook.traits = wanted;
        announce::save(call, runbook).await?;
    }
    Ok(())
}
