//! Meant differences in what is answered when all goes well, and in the forms of errors.

use super::{Match, Rule, status, text};
use crate::differential::compare::Kind;

const FORM: Match = Match {
    kind: Some(Kind::Form),
    ..Match::ANY
};

const MISSING: Match = Match {
    kind: Some(Kind::Missing),
    ..Match::ANY
};

const TYPE: Match = Match {
    kind: Some(Kind::Type),
    ..Match::ANY
};

const VALUE: Match = Match {
    kind: Some(Kind::Value),
    ..Match::ANY
};

/// The differences.
pub(super) const RULES: &[Rule] = &[
    Rule {
        topic: "links of inspection rules",
        upstream: "point below `/v1/inspection`, where nothing is",
        cupola: "point at the rule",
        reason: "So they lead there.",
        matches: &[
            Match {
                upstream: "\"{base}/*inspection/*",
                cupola: "\"{base}/*inspection_rules/*",
                place: "*/links/*/href",
                ..VALUE
            },
            Match {
                kind: Some(Kind::Header),
                place: "location",
                upstream: "{base}/v1/inspection/*",
                cupola: "{base}/v1/inspection_rules/*",
                ..Match::ANY
            },
        ],
    },
    Rule {
        topic: "`phase` of an inspection rule that is removed",
        upstream: "null",
        cupola: "`main`",
        reason: "There is no other phase.",
        matches: &[
            Match {
                place: "/phase",
                upstream: "null",
                cupola: "\"main\"",
                ..TYPE
            },
            status("rules-patch | PATCH *", "400 Invalid phase: None. *", "200"),
        ],
    },
    Rule {
        topic: "`priority` of a step that is given as digits",
        upstream: "shown as digits once, afterwards as a number",
        cupola: "a number",
        reason: "It is one.",
        matches: &[Match {
            case: "templates-create | *",
            place: "/steps/*/priority",
            upstream: "\"7\"",
            cupola: "7",
            ..TYPE
        }],
    },
    Rule {
        topic: "`parent_node` that is empty",
        upstream: "shown as empty",
        cupola: "null",
        reason: "The node has none.",
        matches: &[Match {
            case: "nodes-create | *",
            place: "/parent_node",
            upstream: "\"\"",
            cupola: "null",
            ..TYPE
        }],
    },
    Rule {
        topic: "a candidate that an allocation names twice",
        upstream: "listed twice",
        cupola: "once",
        reason: "It is one node.",
        matches: &[Match {
            case: "allocations-create | *",
            place: "/candidate_nodes/*",
            ..MISSING
        }],
    },
    Rule {
        topic: "fields that came later in lists of port groups",
        upstream: "shown to older versions too",
        cupola: "not shown, as of a single port group",
        reason: "A version shows what it had.",
        matches: &[Match {
            case: "* | GET *portgroups*",
            place: "/portgroups/*/*",
            ..MISSING
        }],
    },
    Rule {
        topic: "`created_at`, `updated_at` and `links` in `fields` of one node",
        upstream: "400",
        cupola: "shown, as in a list",
        reason: "They are fields.",
        matches: &[status(
            "nodes-read | GET /v1/nodes/$it?fields=*",
            "400 Field * is not a valid field.",
            "200",
        )],
    },
    Rule {
        topic: "what belongs to a node or port group that is addressed by its name",
        upstream: "404",
        cupola: "200",
        reason: "Names address nodes from 1.5 on, port groups since ever.",
        matches: &[
            status(
                "* | GET /v1/nodes/$$*/volume/*",
                "404 Node * could not be found.",
                "200",
            ),
            status(
                "portgroups-read | GET /v1/portgroups/$$it/ports *",
                "404 Portgroup * could not be found.",
                "200",
            ),
        ],
    },
    Rule {
        topic: "`volume` of a node that is not there",
        upstream: "200, with links that lead nowhere",
        cupola: "404",
        reason: "There is no such node.",
        matches: &[status(
            "identifiers | GET /v1/nodes/*/volume *",
            "200",
            "404 Node * could not be found.",
        )],
    },
    Rule {
        topic: "paths that lead nowhere",
        upstream: "an error of a handler in some places; a slash too many hides `detail`",
        cupola: "404 in the form of routing; a slash at the end means nothing",
        reason: "No handler has seen them.",
        matches: &[
            Match {
                case: "roots | GET /v1/shards/x *",
                ..FORM
            },
            Match {
                case: "roots | GET */x *",
                cupola: "*Not Found*",
                ..FORM
            },
            Match {
                case: "parts | GET *",
                cupola: "*Not Found*",
                upstream: "*BIOS*",
                ..FORM
            },
            Match {
                case: "* | GET /v1/nodes/*/vmedia @1.9*",
                cupola: "*Not Found*",
                ..FORM
            },
            status("roots | GET /v1/nodes/detail/ *", "404 *", "200"),
            status("roots | * /v1/heartbeat *", "405", "404"),
            status("parts | GET /v1/nodes/$node/management*", "405", "404"),
            status("roots | GET /v1/nodes/%ff *", "400", "404"),
            status("roots | * /v1/*%ff*", "400", "404"),
            status(
                "roots | POST /v1/heartbeat *",
                "400 Missing mandatory parameter: node_ident",
                "404",
            ),
            status(
                "parts | GET /v1/nodes/$node/nope *",
                "400 Field nope is not a valid field.",
                "404",
            ),
        ],
    },
    Rule {
        topic: "versions that are none",
        upstream: "a negative one has another text; the root refuses one in the form of a handler",
        cupola: "one text, one form",
        reason: "They are refused before there is a handler.",
        matches: &[
            text(
                "roots | GET /v1 @-1.5",
                "\"Mutually exclusive versions *",
                "\"Invalid value *",
            ),
            text(
                "roots | * @-1.5",
                "\"Mutually exclusive versions *",
                "\"Invalid value for *",
            ),
            Match {
                case: "roots | GET / @1.999",
                ..FORM
            },
        ],
    },
    Rule {
        topic: "`Accept` without JSON",
        upstream: "406 as HTML or as a text",
        cupola: "406 as JSON",
        reason: "All other errors are JSON.",
        matches: &[Match {
            case: "roots | GET /v1/nodes * accept:*",
            place: "/error_message",
            cupola: "*Only application/json is served.*",
            ..TYPE
        }],
    },
    Rule {
        topic: "`updated_at` of a node after a patch that changed nothing",
        upstream: "the moment of the patch",
        cupola: "as it was",
        reason: "Nothing was updated.",
        matches: &[Match {
            case: "mixed | GET /v1/nodes/*",
            place: "*updated_at",
            upstream: "\"{time}\"",
            cupola: "null",
            ..TYPE
        }],
    },
    Rule {
        topic: "allocations whose UUID is none, in lists",
        upstream: "listed",
        cupola: "never made",
        reason: "See `uuid` of an allocation that is none.",
        matches: &[Match {
            case: "mixed | GET /v1/allocations*",
            place: "/allocations/*",
            upstream: "{\"uuid\":\"x\",*",
            ..MISSING
        }],
    },
    Rule {
        topic: "properties of the vendor methods of fake hardware",
        upstream: "`B1` and `B2`, which nothing needs",
        cupola: "not there",
        reason: "They are called required, and would mislead.",
        matches: &[Match {
            case: "* | GET /v1/drivers/fake-hardware/properties *",
            place: "/B*",
            ..MISSING
        }],
    },
    Rule {
        topic: "descriptions of RAID properties",
        upstream: "its own",
        cupola: "its own",
        reason: "They are for people.",
        matches: &[Match {
            case: "* | GET /v1/drivers/fake-hardware/raid/logical_disk_properties *",
            ..VALUE
        }],
    },
    Rule {
        topic: "texts of a node's history",
        upstream: "the steps as Python prints them",
        cupola: "what starts or ends; the steps are in the timeline",
        reason: "Arguments of steps hold secrets.",
        matches: &[
            Match {
                case: "* | GET */history*",
                place: "/history/*/event",
                upstream: "\"*with steps=[*",
                ..VALUE
            },
            Match {
                case: "* | GET */history*",
                place: "/history/*/event",
                upstream: "\"*ompleted successfully*",
                ..VALUE
            },
        ],
    },
    Rule {
        topic: "`updated_at` of a runbook whose traits were changed",
        upstream: "as it was",
        cupola: "the moment of the change",
        reason: "The runbook has changed.",
        matches: &[Match {
            case: "runbooks-patch | PATCH /v1/runbooks/$it @1.115 []",
            place: "/updated_at",
            upstream: "null",
            cupola: "\"{time}\"",
            ..TYPE
        }],
    },
    Rule {
        topic: "a boot mode that could not be set, in a node's history",
        upstream: "not there",
        cupola: "there, as in `last_error`",
        reason: "`last_error` is overwritten by what comes next.",
        matches: &[Match {
            kind: Some(Kind::Extra),
            case: "routes | GET */history *",
            place: "/history/*",
            cupola: "*Failed to change boot mode *",
            ..Match::ANY
        }],
    },
    Rule {
        topic: "a port group that has ports, in the refusal to delete it",
        upstream: "its row in the database",
        cupola: "its UUID",
        reason: "Nobody knows the row.",
        matches: &[text(
            "portgroups-read | DELETE *",
            "\"* because portgroup 1 contains ports.\"",
            "\"* contains ports.\"",
        )],
    },
    Rule {
        topic: "steps that no interface has",
        upstream: "a clean step ends the cleaning, a deploy step is passed over, a service step fails with \
                   Python's words and takes the node out of service",
        cupola: "either ends what it was to be part of; `last_error` names the step by `interface.step`",
        reason: "What was asked for has not been done.",
        matches: &[
            Match {
                case: "verbs-active | *\"service_steps\":[{\"interface\":\"deploy\",\"step\":\"no_such_step\"*",
                place: "then/*",
                ..Match::ANY
            },
            text(
                "verbs-manageable | *\"no_such_step\"*",
                "\"Cannot clean node *",
                "\"Clean step conductor.start_cleaning failed: Cannot clean node *",
            ),
            Match {
                case: "verbs-deploy | *\"deploy_steps\":[{\"interface\":\"deploy\",\"step\":\"a\"*",
                place: "then/*",
                ..Match::ANY
            },
        ],
    },
];
