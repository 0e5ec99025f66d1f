//! The table of meant differences. A rule is as narrow as what it explains.

use super::super::compare::Kind;
use super::{Match, Rule};

const STATUS: Match = Match {
    kind: Some(Kind::Status),
    ..Match::ANY
};

const HEADER: Match = Match {
    kind: Some(Kind::Header),
    ..Match::ANY
};

const MISSING: Match = Match {
    kind: Some(Kind::Missing),
    ..Match::ANY
};

const VALUE: Match = Match {
    kind: Some(Kind::Value),
    ..Match::ANY
};

const TYPE: Match = Match {
    kind: Some(Kind::Type),
    ..Match::ANY
};

const TEXT: Match = Match {
    kind: Some(Kind::Text),
    ..Match::ANY
};

/// Every difference that is meant; the first that fits explains.
pub(super) const RULES: &[Rule] = &[
    Rule {
        topic: "form of the error about a body that is no UTF-8",
        upstream: "that of routing",
        cupola: "that of a handler",
        reason: "A body is read by the handler.",
        matches: &[Match {
            kind: Some(Kind::Form),
            case: "bodies | *[octets]",
            ..Match::ANY
        }],
    },
    Rule {
        topic: "version headers of errors of routing",
        upstream: "missing",
        cupola: "there, as in every answer",
        reason: "Clients negotiate by them.",
        matches: &[Match {
            place: "x-openstack-ironic-api-*",
            upstream: "",
            ..HEADER
        }],
    },
    Rule {
        topic: "`Allow` of a 405",
        upstream: "methods that the path does not take either, or none at all",
        cupola: "the methods that the path takes",
        reason: "RFC 9110, section 10.2.1.",
        matches: &[Match {
            place: "allow",
            ..HEADER
        }],
    },
    Rule {
        topic: "`reservation` in the answer to a patch",
        upstream: "the lock that the patch itself holds",
        cupola: "null",
        reason: "Nothing holds the node any more when the answer is there.",
        matches: &[Match {
            case: "* | PATCH /v1/nodes/*",
            place: "/reservation",
            upstream: "\"conductor-1\"",
            cupola: "null",
            ..TYPE
        }],
    },
    Rule {
        topic: "`updated_at` after a patch that changes nothing",
        upstream: "the moment of the patch",
        cupola: "as it was",
        reason: "Nothing was updated, and nothing is written.",
        matches: &[Match {
            case: "* | PATCH *",
            place: "*updated_at",
            upstream: "\"{time}\"",
            cupola: "null",
            ..TYPE
        }],
    },
    Rule {
        topic: "`next`",
        upstream: "the default order and fields written out; most filters dropped",
        cupola: "every argument of the request, and no others",
        reason: "The second page must answer the same question as the first.",
        matches: &[Match {
            place: "/next",
            cupola: "\"{base}/v1/*limit=*&marker=*",
            ..VALUE
        }],
    },
    Rule {
        topic: "UUIDs in capitals or without dashes",
        upstream: "kept as they were given",
        cupola: "brought into the form of RFC 9562",
        reason: "One object has one identifier.",
        matches: &[
            Match {
                case: "*d1ffaaaa*",
                ..VALUE
            },
            Match {
                case: "*D1FFAAAA*",
                ..VALUE
            },
            Match {
                case: "*d1ffaaaa*",
                place: "location",
                ..HEADER
            },
            Match {
                case: "*D1FFAAAA*",
                place: "location",
                ..HEADER
            },
        ],
    },
    Rule {
        topic: "link to the documentation",
        upstream: "with doubled slashes",
        cupola: "without them",
        reason: "Both lead there.",
        matches: &[Match {
            case: "roots | GET /v1*",
            place: "/links/*/href",
            ..VALUE
        }],
    },
    Rule {
        topic: "name of the service",
        upstream: "its own in `/`",
        cupola: "its own",
        reason: "It is another service.",
        matches: &[
            Match {
                case: "roots | * / *",
                place: "/description",
                ..TEXT
            },
            Match {
                case: "roots | * / *",
                place: "/name",
                ..VALUE
            },
        ],
    },
    Rule {
        topic: "`driver_internal_info`",
        upstream: "its notes on steps and images, empty ones too",
        cupola: "its own notes",
        reason: "They are internal, and nobody's to rely on.",
        matches: &[
            Match {
                place: "*/driver_internal_info/*",
                ..Match::ANY
            },
            Match {
                place: "then/driver_internal_info/*",
                ..Match::ANY
            },
        ],
    },
    Rule {
        topic: "`instance_info.image_type`",
        upstream: "what it found out of the image, kept beside what the user gave",
        cupola: "not kept there",
        reason: "`instance_info` is the user's.",
        matches: &[Match {
            place: "*/instance_info/image_type",
            ..MISSING
        }],
    },
    Rule {
        topic: "rescue password",
        upstream: "kept in `instance_info`, with its hash, masked",
        cupola: "its hash alone, until the ramdisk has it",
        reason: "Nothing needs the password.",
        matches: &[Match {
            place: "*/instance_info/*rescue_password",
            ..MISSING
        }],
    },
    Rule {
        topic: "limits of bodies",
        upstream: "asks to call the administrator",
        cupola: "says what the limit is",
        reason: "That is what the sender has to know.",
        matches: &[
            Match {
                upstream: "\"Request body JSON is nested too deeply.*",
                ..TEXT
            },
            Match {
                upstream: "\"Request body is too large.*",
                ..TEXT
            },
        ],
    },
    Rule {
        topic: "ports and port groups of a node that is addressed by its name, or unknown",
        upstream: "404 `Portgroup None could not be found.`",
        cupola: "the ports of the node, or that there is no such node",
        reason: "Names address nodes from 1.5 on.",
        matches: &[
            Match {
                upstream: "404 Portgroup None *",
                ..STATUS
            },
            Match {
                upstream: "\"Portgroup None *",
                ..TEXT
            },
        ],
    },
    Rule {
        topic: "`NaN` in a body",
        upstream: "read as a number",
        cupola: "400: it is no JSON",
        reason: "RFC 8259, section 6.",
        matches: &[
            Match {
                case: "bodies | *[NaN]",
                cupola: "400 The request body is no JSON*",
                ..STATUS
            },
            Match {
                case: "bodies | *[NaN]",
                cupola: "\"The request body is no JSON*",
                ..TEXT
            },
        ],
    },
    Rule {
        topic: "body of `PUT maintenance`",
        upstream: "ignored where it is no object",
        cupola: "400",
        reason: "The reason that was meant would be lost.",
        matches: &[Match {
            case: "* | PUT /v1/nodes/*/maintenance *",
            upstream: "202",
            cupola: "400 *",
            ..STATUS
        }],
    },
    Rule {
        topic: "standard traits",
        upstream: "those of its os-traits alone",
        cupola: "any name of their form",
        reason: "The list grows every half year.",
        matches: &[Match {
            case: "*HW_NO_SUCH*",
            upstream: "400 *",
            cupola: "20*",
            ..STATUS
        }],
    },
    Rule {
        topic: "`~0` and `~1` in a patch",
        upstream: "refused, although 1.98 announces them",
        cupola: "taken from 1.98 on",
        reason: "RFC 6901, section 3.",
        matches: &[
            Match {
                case: "*/extra/a~1b*",
                upstream: "400 *",
                cupola: "200",
                ..STATUS
            },
            Match {
                case: "*/extra/a~1b*",
                upstream: "\"Schema error for patch: '/extra/a~1b' does not match *",
                cupola: "\"The requested action *",
                ..TEXT
            },
        ],
    },
    Rule {
        topic: "a node as its own parent, or as a child of a node below it",
        upstream: "accepted",
        cupola: "400",
        reason: "It would be powered on before itself, and stand in no list.",
        matches: &[
            Match {
                cupola: "400 A node cannot be its own parent_node.",
                ..STATUS
            },
            Match {
                cupola: "400 A node cannot be the child of a node below it*",
                ..STATUS
            },
        ],
    },
    Rule {
        topic: "`owner` of what is made without authentication",
        upstream: "400",
        cupola: "taken",
        reason: "A patch may set it anyway.",
        matches: &[Match {
            upstream: "400 Cannot create a * as a project scoped admin *",
            cupola: "201",
            ..STATUS
        }],
    },
    Rule {
        topic: "texts that are longer than their column",
        upstream: "kept on SQLite, 500 on MySQL",
        cupola: "400, which says how long they may be",
        reason: "The answer must not depend on the database.",
        matches: &[Match {
            upstream: "20*",
            cupola: "400 * is too long (at most *",
            ..STATUS
        }],
    },
    Rule {
        topic: "`configdrive` and `deploy_steps` with the verb `deploy`",
        upstream: "400",
        cupola: "taken",
        reason: "`deploy` and `active` are the same verb.",
        matches: &[Match {
            case: "*\"target\":\"deploy\"*",
            upstream: "400 Adding a config drive *",
            cupola: "202",
            ..STATUS
        }],
    },
    Rule {
        topic: "`driver_info` of fake hardware",
        upstream: "has no properties",
        cupola: "`fake_*`: how slow it is and how it fails",
        reason: "So that one can try out what goes wrong.",
        matches: &[Match {
            kind: Some(Kind::Extra),
            case: "* | GET /v1/drivers/fake-hardware/properties *",
            place: "/fake_*",
            ..Match::ANY
        }],
    },
    Rule {
        topic: "inspection of fake hardware",
        upstream: "finds nothing",
        cupola: "finds a small machine",
        reason: "So that one can try out what comes after it.",
        matches: &[Match {
            kind: Some(Kind::Extra),
            place: "then/properties/*",
            ..Match::ANY
        }],
    },
    Rule {
        topic: "names of ports",
        upstream: "any text",
        cupola: "as those of nodes",
        reason: "A path must be able to hold them.",
        matches: &[
            Match {
                case: "ports-* | *",
                upstream: "20*",
                cupola: "400 Expected a logical name but received *",
                ..STATUS
            },
            Match {
                case: "ports-* | *\"name\"*",
                upstream: "20*",
                cupola: "400 * '' should be non-empty",
                ..STATUS
            },
            Match {
                case: "ports-* | *\"path\":\"/name\"*",
                upstream: "20*",
                cupola: "400 * '' should be non-empty",
                ..STATUS
            },
        ],
    },
    Rule {
        topic: "two ports of one name",
        upstream: "the refusal speaks of a new UUID",
        cupola: "of the name",
        reason: "It is the name that is taken.",
        matches: &[Match {
            upstream: "\"A port with UUID {uuid} already exists.\"",
            ..TEXT
        }],
    },
    Rule {
        topic: "node in the refusal of an inventory",
        upstream: "its row in the database",
        cupola: "its UUID",
        reason: "Nobody knows the row.",
        matches: &[Match {
            upstream: "\"Node inventory record for node *",
            ..TEXT
        }],
    },
    Rule {
        topic: "flags that are removed or null",
        upstream: "null",
        cupola: "false",
        reason: "A flag is set or it is not.",
        matches: &[
            Match {
                place: "*/disable_power_off",
                upstream: "null",
                cupola: "false",
                ..TYPE
            },
            Match {
                place: "*/retired",
                upstream: "null",
                cupola: "false",
                ..TYPE
            },
            Match {
                place: "*/is_smartnic",
                upstream: "null",
                cupola: "false",
                ..TYPE
            },
        ],
    },
    Rule {
        topic: "quotes around a boot mode in `last_error`",
        upstream: "one is missing",
        cupola: "both are there",
        reason: "A slip of the pen.",
        matches: &[Match {
            upstream: "\"Failed to change boot mode to '*",
            ..TEXT
        }],
    },
    Rule {
        topic: "details behind a refused step or config drive",
        upstream: "the failing part of its schema, as Python prints it",
        cupola: "not there",
        reason: "The first line says what is wrong.",
        matches: &[Match {
            upstream: "*\\n\\nFailed validating *",
            cupola: "\"Invalid *",
            ..TEXT
        }],
    },
    Rule {
        topic: "fields that a patch may change",
        upstream: "listed in the order of its source, chassis with `uuid`, which it does not change",
        cupola: "in alphabetical order",
        reason: "One finds a name in it.",
        matches: &[Match {
            upstream: "\"Cannot patch /* Only the following can be updated: *",
            cupola: "\"Cannot patch /* Only the following can be updated: *",
            ..TEXT
        }],
    },
    Rule {
        topic: "fields of a driver or conductor that can be asked for",
        upstream: "listed in the order of its source",
        cupola: "in its own",
        reason: "The order means nothing.",
        matches: &[Match {
            upstream: "\"Schema error: 'nope' is not one of ['*",
            cupola: "\"Schema error: 'nope' is not one of ['*",
            ..TEXT
        }],
    },
];
