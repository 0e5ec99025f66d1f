//! The table of meant differences. A rule is as narrow as what it explains.

use super::super::compare::Kind;
use super::{Match, Rule};

const STATUS: Match = Match {
    kind: Some(Kind::Status),
    ..Match::ANY
};

/// Every difference that is meant; the first that fits explains.
pub const RULES: &[Rule] = &[Rule {
    topic: "bodies that are no JSON",
    upstream: "500",
    cupola: "400",
    reason: "It is the client's fault, and no defect of the service.",
    matches: &[Match {
        case: "bodies | *[*",
        upstream: "500*",
        cupola: "400*",
        ..STATUS
    }],
}];
