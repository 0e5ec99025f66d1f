//! One row of the table of routes.

use http::Method;

use super::argument::Argument;
use super::body::{Answer, Body};
use super::operation::Operation;
use crate::fault::ApiFault;
use crate::microversion::Microversion;

/// What a request gets whose version does not know the operation; the forms are those of the wire
/// reference §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Older {
    /// No version is too old.
    Fits,
    /// 404 in the form of a missing path.
    NoPath,
    /// 404 that says why.
    NotSupported,
    /// 405 in the form of a wrong method.
    NoMethod,
    /// 406.
    NotAcceptable,
    /// The same, but 1.1 is served: it is what clients speak that name no version.
    NotSupportedAfterFirst,
}

/// Collections whose refusal names them, and whether it has the form of routing. A longer path stands
/// before the one it begins with.
const COLLECTIONS: [(&str, &str, bool); 6] = [
    ("allocations", "allocations", false),
    ("deploy_templates", "deploy templates", true),
    ("inspection_rules", "inspection rules", false),
    ("runbooks/{runbook}/traits", "runbook traits", true),
    ("runbooks", "runbooks", true),
    ("shards", "shards", false),
];

/// Arguments whose refusal does not say which version brought them, as measured.
const PLAIN: [&str; 4] = ["fields", "portgroup", "provision_state", "reset_interfaces"];

/// One operation, and how it is asked for.
#[derive(Clone, Debug)]
pub struct Route {
    /// What it does.
    pub operation: Operation,
    /// The method.
    pub method: Method,
    /// The path below `/v1/`, or from the root where it begins with a slash; `{name}` stands for one
    /// segment.
    pub path: &'static str,
    /// The microversion that brought it.
    pub since: Microversion,
    /// What older versions get.
    pub older: Older,
    /// The policy that guards it first, without the prefix `baremetal:`; empty where nobody is asked
    /// who they are.
    pub policy: &'static str,
    /// The arguments that it takes in the query.
    pub arguments: &'static [&'static [Argument]],
    /// What its body holds.
    pub body: Body,
    /// What its answer holds when all went well.
    pub answer: Answer,
}

impl Route {
    /// Refuses a request of a version that does not know the operation.
    ///
    /// # Errors
    /// The version is older, in the form measured for this operation.
    pub fn gate(&self, version: Microversion) -> Result<(), ApiFault> {
        if version >= self.since {
            return Ok(());
        }
        match self.older {
            Older::Fits => Ok(()),
            Older::NotSupportedAfterFirst if version == Microversion::MIN => Ok(()),
            Older::NoPath => Err(ApiFault::routing(404, "")),
            Older::NotAcceptable => Err(ApiFault::not_acceptable()),
            Older::NoMethod => Err(self.refusal(405)),
            Older::NotSupported | Older::NotSupportedAfterFirst => Err(self.refusal(404)),
        }
    }

    /// The refusal in the words and the form that were measured for this operation.
    fn refusal(&self, status: u16) -> ApiFault {
        let collection = COLLECTIONS
            .iter()
            .find(|(path, ..)| self.path.starts_with(path));
        if let Some((_, name, is_routing)) = collection {
            let verb = match self.operation {
                Operation::UpdateAllocation => "updating ",
                _ => "",
            };
            let text = format!("The API version does not allow {verb}{name}");
            return if *is_routing {
                ApiFault::routing(status, text)
            } else {
                ApiFault::new(status, text)
            };
        }
        if status == 405 {
            return ApiFault::routing(405, "");
        }
        ApiFault::not_found(match self.operation {
            Operation::SetBootMode | Operation::SetSecureBoot => {
                "This endpoint is supported starting with the API version 1.76"
            }
            Operation::InjectNmi
            | Operation::DeleteTraits
            | Operation::DeleteTrait
            | Operation::Lookup
            | Operation::Heartbeat => "Resource could not be found.",
            Operation::ContinueInspection => "API version 1.84 or newer is required",
            _ => "The API is not supported for this version",
        })
    }

    /// The refusal of a text in the path that is neither a name nor a UUID of a node. What is below
    /// some parts of a node was routed by it before, and speaks of an argument.
    #[must_use]
    pub fn bad_node(&self, text: &str) -> ApiFault {
        const ARGUMENTS: [&str; 5] = [
            "nodes/{node}/maintenance",
            "nodes/{node}/management/",
            "nodes/{node}/states",
            "nodes/{node}/vendor_passthru",
            "heartbeat/",
        ];
        if ARGUMENTS.iter().any(|path| self.path.starts_with(path)) {
            ApiFault::bad_request(format!("Expected UUID or name for node_ident: {text}"))
        } else {
            ApiFault::routing(400, format!("Expected UUID or name for node: {text}"))
        }
    }

    /// The argument of that name.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<&'static Argument> {
        self.arguments
            .iter()
            .flat_map(|group| group.iter())
            .find(|argument| argument.name == name)
    }

    /// Refuses arguments that the operation does not take, or not at this version.
    ///
    /// # Errors
    /// 400 where one is not known, else 406 where one is newer.
    pub fn check_arguments<'a>(
        &self,
        names: impl Iterator<Item = &'a str> + Clone,
        version: Microversion,
    ) -> Result<(), ApiFault> {
        let mut unknown: Vec<&str> = names
            .clone()
            .filter(|name| self.argument(name).is_none())
            .collect();
        if !unknown.is_empty() {
            unknown.sort_unstable();
            unknown.dedup();
            let unknown = unknown.join(", ");
            return Err(ApiFault::bad_request(format!(
                "Unexpected arguments: {unknown}"
            )));
        }
        let newer = names
            .filter_map(|name| self.argument(name))
            .find(|argument| version < argument.since);
        match newer {
            None => Ok(()),
            Some(argument) if self.operation == Operation::ListBiosSettings => {
                Err(ApiFault::bad_request(format!(
                    "Schema error: Additional properties are not allowed ('{}' was unexpected)",
                    argument.name
                )))
            }
            Some(argument)
                if PLAIN.contains(&argument.name)
                    || self.operation == Operation::ListAllocations =>
            {
                Err(ApiFault::not_acceptable())
            }
            Some(argument) if argument.name == "instance_name" => Err(ApiFault::new(
                406,
                "instance_name is not acceptable in this API version",
            )),
            Some(argument) => Err(ApiFault::new(
                406,
                format!(
                    "Request not acceptable. The minimal required API version should be 1.{}",
                    argument.since.minor()
                ),
            )),
        }
    }
}
