//! What the sender of a request may do, and the one way by which handlers come to nodes and to what
//! belongs to them: who looks one up here has been asked for its right to. Which rule a route asks is
//! told by the table of routes; what a rule says, by the policy.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cupola_api::NodeId;
use cupola_api::contract::{Operation, Route};
use cupola_api::fault::ApiFault;
use cupola_api::id::NodeIdent;
use cupola_api::node::Node;
use cupola_api::policy::{Rule, STEP_PREFIX};

use super::answer::Failure;
use super::call::Call;
use crate::auth::{Caller, Credentials, Scope};
use crate::policy::{Policy, Rules, Target};
use crate::store::{StoreError, StoredNode};

/// What the sender of a request may do.
#[derive(Debug)]
pub(super) enum Permit {
    /// Everything, and nothing is asked: there are no tokens, or the request comes from this process.
    Everything,
    /// What the policy lets the holder of a token do.
    Asked(Box<Asked>),
}

/// A request of the holder of a token.
#[derive(Debug)]
pub(super) struct Asked {
    policy: Arc<Policy>,
    rules: Arc<Rules>,
    who: Arc<Credentials>,
    guard: Guard,
    /// The project whose resources a list shows, where it does not show all.
    project: Option<String>,
    /// Whether a rule was passed that lets the request through.
    is_through: AtomicBool,
}

/// Where a route asks its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guard {
    /// Before its handler, of nothing in particular.
    First(Rule),
    /// Before its handler: the first rule for the project's own, the second for all.
    List(Rule, Rule),
    /// When its handler has found the node that it is about, or that owns what it is about.
    Node(Rule),
    /// In its handler, which asks more than one.
    Handler,
}

impl Guard {
    fn of(route: &Route) -> Option<Self> {
        use Operation as O;
        let rule = Rule::of_route(route.policy)?;
        let about = |name: &str| route.path.contains(name);
        Some(match (route.operation, rule) {
            (O::CreateNode | O::UpdateNode | O::DeleteNode | O::CreateAllocation, _) => {
                Self::Handler
            }
            (_, Rule::NodeList) => Self::List(rule, Rule::NodeListAll),
            (_, Rule::PortList) => Self::List(rule, Rule::PortListAll),
            (_, Rule::PortgroupList) => Self::List(rule, Rule::PortgroupListAll),
            (_, Rule::VolumeList) => Self::List(rule, Rule::VolumeListAll),
            (_, Rule::AllocationList) => Self::List(rule, Rule::AllocationListAll),
            (_, Rule::RunbookList) => Self::List(rule, Rule::RunbookListAll),
            (_, Rule::AllocationGet | Rule::AllocationUpdate | Rule::AllocationDelete) => {
                Self::Handler
            }
            (_, Rule::RunbookGet | Rule::RunbookUpdate | Rule::RunbookDelete) => Self::Handler,
            (_, Rule::PortCreate | Rule::PortgroupCreate | Rule::VolumeCreate)
            | (O::ValidateNodeByArgument, _) => Self::Node(rule),
            _ if ["{node}", "{port}", "{portgroup}", "{connector}", "{target}"]
                .into_iter()
                .any(about) =>
            {
                Self::Node(rule)
            }
            _ => Self::First(rule),
        })
    }
}

/// The refusal of what a rule does not let pass.
fn denied(rule: Rule) -> ApiFault {
    ApiFault::new(
        403,
        format!(
            "Access was denied to the following resource: {}",
            rule.name()
        ),
    )
}

fn of_node(node: &Node) -> Target<'_> {
    Target {
        node_owner: node.owner.as_deref(),
        node_lessee: node.lessee.as_deref(),
        ..Target::default()
    }
}

impl Permit {
    /// Of a caller, on a route. Nothing is asked yet.
    pub(super) async fn of(caller: &Caller, route: &Route, policy: &Arc<Policy>) -> Self {
        let who = match caller {
            Caller::Anybody | Caller::User(_) => return Self::Everything,
            Caller::Token(who) => Arc::clone(who),
        };
        Self::Asked(Box::new(Asked {
            rules: policy.rules().await,
            policy: Arc::clone(policy),
            who,
            // A route without a rule is refused to who could be asked.
            guard: Guard::of(route).unwrap_or(Guard::First(Rule::NodeDelete)),
            project: None,
            is_through: AtomicBool::new(false),
        }))
    }

    /// Asks what is asked before the handler.
    pub(super) fn enter(&mut self, path: &str) -> Result<(), ApiFault> {
        let Self::Asked(asked) = self else {
            return Ok(());
        };
        match asked.guard {
            Guard::Node(_) | Guard::Handler => Ok(()),
            Guard::First(rule) => asked.must(rule, Target::default(), &path),
            Guard::List(own, all) => {
                if asked.passes(all, Target::default()) {
                    asked.is_through.store(true, Ordering::Relaxed);
                    return Ok(());
                }
                let Some(project) = asked.project().map(str::to_owned) else {
                    return asked.must(all, Target::default(), &path);
                };
                asked.project = Some(project);
                asked.must(own, Target::default(), &path)
            }
        }
    }

    /// Whether the rules that the request had to pass were asked.
    pub(super) fn is_through(&self) -> bool {
        match self {
            Self::Everything => true,
            Self::Asked(asked) => asked.is_through.load(Ordering::Relaxed),
        }
    }
}

impl Asked {
    fn passes(&self, rule: Rule, target: Target<'_>) -> bool {
        self.policy.passes(&self.rules, rule, &self.who, target)
    }

    fn must(&self, rule: Rule, target: Target<'_>, what: &dyn Display) -> Result<(), ApiFault> {
        if self.passes(rule, target) {
            self.is_through.store(true, Ordering::Relaxed);
            return Ok(());
        }
        self.log(rule, what);
        Err(denied(rule))
    }

    fn log(&self, rule: Rule, what: &dyn Display) {
        self.log_named(rule.name(), what);
    }

    fn log_named(&self, rule: &str, what: &dyn Display) {
        let who = &self.who;
        tracing::warn!(
            target: "cupola::policy",
            rule,
            user = %who.user_name.escape_debug(),
            user_id = %who.user_id.escape_debug(),
            scope = %who.scope.to_string().escape_debug(),
            roles = ?who.roles,
            on = %what.to_string().escape_debug(),
            "access denied"
        );
    }

    fn project(&self) -> Option<&str> {
        match &self.who.scope {
            Scope::Project { id, .. } => Some(id),
            Scope::System | Scope::Domain(_) | Scope::Unscoped => None,
        }
    }
}

impl Call {
    fn asked(&self) -> Option<&Asked> {
        match &self.permit {
            Permit::Everything => None,
            Permit::Asked(asked) => Some(asked),
        }
    }

    /// Whether the caller passes a rule. Refuses nothing and logs nothing.
    pub(super) fn may(&self, rule: Rule, target: Target<'_>) -> bool {
        self.asked().is_none_or(|asked| asked.passes(rule, target))
    }

    /// Whether the caller passes a rule of a node.
    pub(super) fn may_on(&self, rule: Rule, node: &Node) -> bool {
        self.asked()
            .is_none_or(|asked| asked.passes(rule, of_node(node)))
    }

    /// Refuses with 403 who does not pass a rule; `what` is what it is asked of.
    pub(super) fn must(
        &self,
        rule: Rule,
        target: Target<'_>,
        what: impl Display,
    ) -> Result<(), ApiFault> {
        self.asked()
            .map_or(Ok(()), |asked| asked.must(rule, target, &what))
    }

    /// Refuses with 403 who does not pass a rule of a node.
    pub(super) fn must_on(&self, rule: Rule, node: &Node) -> Result<(), ApiFault> {
        let what = format_args!("node {}", node.uuid);
        self.asked()
            .map_or(Ok(()), |asked| asked.must(rule, of_node(node), &what))
    }

    /// Refuses with 403 who does not pass the rules that single steps have, by their interfaces and
    /// names. Of a runbook that is made no node is known.
    pub(super) fn must_run<'a>(
        &self,
        steps: impl Iterator<Item = (&'a str, &'a str)>,
        node: Option<&Node>,
    ) -> Result<(), ApiFault> {
        let Some(asked) = self.asked() else {
            return Ok(());
        };
        let target = node.map(of_node).unwrap_or_default();
        let mut refused = Vec::new();
        for (interface, step) in steps {
            let rule = format!("{STEP_PREFIX}{interface}.{step}");
            let (policy, rules) = (&asked.policy, &asked.rules);
            if policy.passes_named(rules, &rule, &asked.who, target) == Some(false) {
                let what =
                    node.map_or_else(|| "a runbook".to_owned(), |n| format!("node {}", n.uuid));
                asked.log_named(&rule, &what);
                refused.push(format!(
                    "insufficient privileges to execute step {step} on interface {interface}"
                ));
            }
        }
        if refused.is_empty() {
            return Ok(());
        }
        Err(ApiFault::new(403, refused.join("; ")))
    }

    /// Whether somebody may see secrets; then nothing is everybody's to see.
    pub(super) fn may_show_secrets(&self) -> bool {
        self.asked().is_some_and(|asked| asked.rules.show_secrets())
    }

    /// Whether the caller passes this rule about the secrets of a node. Where nothing is asked nobody does.
    pub(super) fn shows(&self, rule: &str, node: &Node) -> bool {
        self.asked().is_some_and(|asked| {
            let passes = asked
                .policy
                .passes_named(&asked.rules, rule, &asked.who, of_node(node));
            passes == Some(true)
        })
    }

    /// Lets a request through to what is everybody's.
    pub(super) fn pass_all(&self) {
        if let Some(asked) = self.asked() {
            asked.is_through.store(true, Ordering::Relaxed);
        }
    }

    /// The project that a list is of, where the caller may not see all.
    pub(super) fn only_project(&self) -> Option<&str> {
        self.asked()?.project.as_deref()
    }

    /// The project whose children of a node are listed, where the caller may not see all.
    pub(super) fn children_project(&self) -> Option<String> {
        let sees_all = self.may(Rule::NodeListAll, Target::default());
        self.own_project().filter(|_| !sees_all).map(str::to_owned)
    }

    /// The project that the caller's token is for; none also where nothing is asked.
    pub(super) fn own_project(&self) -> Option<&str> {
        self.asked()?.project()
    }

    /// Whether the caller's token is not for the whole system.
    pub(super) fn is_of_project(&self) -> bool {
        self.asked()
            .is_some_and(|asked| asked.who.scope != Scope::System)
    }

    /// The node that this names. One that the caller may not see is not there.
    pub(super) async fn linked(&self, ident: &NodeIdent) -> Result<Arc<StoredNode>, StoreError> {
        let node = self.state.store.node(ident).await?;
        self.seen(node, ident)
    }

    fn seen(
        &self,
        node: Arc<StoredNode>,
        ident: &dyn Display,
    ) -> Result<Arc<StoredNode>, StoreError> {
        if let Some(asked) = self.asked()
            && !asked.passes(Rule::NodeGet, of_node(&node))
        {
            asked.log(Rule::NodeGet, &format_args!("node {}", node.uuid));
            return Err(StoreError::not_found("Node", ident));
        }
        Ok(node)
    }

    /// The node that the request is about: the caller may see it, and passes the route's rule.
    pub(super) async fn target(&self, ident: &NodeIdent) -> Result<Arc<StoredNode>, Failure> {
        let node = self.linked(ident).await?;
        self.ask_route(&node)?;
        Ok(node)
    }

    /// Refuses who does not pass the route's rule on the node that it is about.
    pub(super) fn ask_route(&self, node: &Node) -> Result<(), ApiFault> {
        self.note(node.uuid);
        match self.asked().map(|asked| asked.guard) {
            Some(Guard::Node(rule)) => self.must_on(rule, node),
            Some(Guard::First(_) | Guard::List(..) | Guard::Handler) | None => Ok(()),
        }
    }

    /// Lets a request through to what belongs to this node; `hidden` is the answer to who may not see
    /// the node.
    pub(super) async fn ask_of(
        &self,
        node: NodeId,
        hidden: impl FnOnce() -> ApiFault,
    ) -> Result<(), Failure> {
        self.note(node);
        if self.asked().is_none() {
            return Ok(());
        }
        match self.linked(&NodeIdent::Id(node)).await {
            Ok(node) => Ok(self.ask_route(&node)?),
            Err(StoreError::NotFound { .. }) => Err(hidden().into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Looks whether the caller may see this node; `hidden` is the answer to who may not.
    pub(super) async fn see(
        &self,
        node: NodeId,
        hidden: impl FnOnce() -> ApiFault,
    ) -> Result<(), Failure> {
        if self.asked().is_none() {
            return Ok(());
        }
        match self.linked(&NodeIdent::Id(node)).await {
            Ok(_) => Ok(()),
            Err(StoreError::NotFound { .. }) => Err(hidden().into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Remembers which node a change is of, for its timeline.
    pub(super) fn note(&self, node: NodeId) {
        if self.method != http::Method::GET {
            self.changes.lock().get_or_insert(node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cupola_api::contract::ROUTES;

    #[test]
    fn no_route_asks_of_nothing_what_it_should_ask_of_a_node() {
        for route in ROUTES.iter().filter(|route| !route.policy.is_empty()) {
            let guard = Guard::of(route);
            let is_of_node = route.path.contains("{node}");
            let asks_first = matches!(guard, Some(Guard::First(_)));
            assert!(
                guard.is_some() && !(is_of_node && asks_first),
                "{}",
                route.path
            );
        }
    }
}
