//! Meant differences where a path does not take the method: each names how Ironic reads the request
//! instead.

use super::{Match, Rule, status};
use crate::differential::compare::Kind;

/// The differences.
pub(super) const RULES: &[Rule] = &[
    Rule {
        topic: "methods that a collection does not take",
        upstream: "400 or 500: it misses the identifier of an item",
        cupola: "405, and `Allow` says which methods there are",
        reason: "RFC 9110, section 15.5.6.",
        matches: &[
            status("*", "400 Missing mandatory parameter: *", "405"),
            status("*", "500 tuple index out of range", "405"),
            status(
                "* | PATCH *",
                "400 Schema error for patch: * is not of type 'array'",
                "405",
            ),
        ],
    },
    Rule {
        topic: "methods that an item does not take",
        upstream: "400 or 500: it reads the last part of the path as the body of a new item",
        cupola: "405",
        reason: "RFC 9110, section 15.5.6.",
        matches: &[
            status(
                "* | POST *",
                "400 Schema error for * is not of type 'object'",
                "405",
            ),
            status(
                "* | POST /v1/inspection_rules/*",
                "400 Schema error: 'actions' is a required property",
                "405",
            ),
            status(
                "* | POST *",
                "500 *.post() got multiple values for argument *",
                "405",
            ),
        ],
    },
    Rule {
        topic: "methods that a part of a resource does not take",
        upstream: "400, 404 or 500: it reads the name of the part as an identifier or a value",
        cupola: "405",
        reason: "RFC 9110, section 15.5.6.",
        matches: &[
            status(
                "* vendor_passthru/methods *",
                "40* No handler for method methods",
                "405",
            ),
            status("*/vendor_passthru/methods *", "40*", "405"),
            status("* | DELETE */detail *", "40* could not be found.", "405"),
            status(
                "* | DELETE */detail *",
                "400 Expected UUID for *_uuid: detail",
                "405",
            ),
            status(
                "* | PATCH */validate *",
                "400 Invalid reset_interfaces: *",
                "405",
            ),
            status(
                "* | DELETE */validate *",
                "404 Resource could not be found.",
                "405",
            ),
            status(
                "* | PUT */boot_device/supported *",
                "400 Invalid boot device supported specified.",
                "405",
            ),
            status(
                "* | DELETE /v1/chassis/$unknown/nodes *",
                "400 Malformed request URI.",
                "405",
            ),
            status("* | GET /v1/nodes/*/states/*", "500 *.get() takes *", "405"),
        ],
    },
    Rule {
        topic: "methods that a path does not take at a version that has not the path",
        upstream: "404, 500, or what the version lacks",
        cupola: "405",
        reason: "No version has the method there.",
        matches: &[
            status("mixed | * /v1/nodes/$node/*", "404", "405"),
            status("mixed | * /v1/volume/*", "404", "405"),
            status("mixed | * /v1/nodes/$node/children *", "500", "405"),
            Match {
                kind: Some(Kind::Text),
                case: "mixed | P*",
                upstream: "\"The API version does not allow *",
                cupola: "\"\"",
                ..Match::ANY
            },
            Match {
                kind: Some(Kind::Form),
                case: "mixed | PATCH /v1/allocations *",
                upstream: "*The API version does not allow updating allocations*",
                cupola: "*Method Not Allowed*",
                ..Match::ANY
            },
        ],
    },
    Rule {
        topic: "methods of the roots",
        upstream: "`POST /` answers as `GET`, `POST /v1` 405 in the form of a handler",
        cupola: "405 in the form of routing",
        reason: "RFC 9110, section 15.5.6; nothing handles it.",
        matches: &[
            status("roots | POST / *", "200", "405"),
            Match {
                kind: Some(Kind::Form),
                case: "roots | POST /v1 *",
                cupola: "*Method Not Allowed*",
                ..Match::ANY
            },
        ],
    },
];
