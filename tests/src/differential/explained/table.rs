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
pub const RULES: &[Rule] = &[
    Rule {
        topic: "bodies that are no JSON",
        upstream: "500",
        cupola: "400",
        reason: "It is the client's fault, and no defect of the service.",
        matches: &[Match {
            case: "bodies | *[*",
            upstream: "500*",
            cupola: "400 *",
            ..STATUS
        }],
    },
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
        topic: "requests at which Ironic fails",
        upstream: "500, with the text of an exception or of a database statement",
        cupola: "400, 404, 405, 406 or 409, which says what is wrong with the request",
        reason: "A 500 makes clients try again and operators look for a defect.",
        matches: &[
            Match {
                upstream: "500*",
                cupola: "4* *",
                ..STATUS
            },
            Match {
                upstream: "500*",
                cupola: "405",
                ..STATUS
            },
            Match {
                case: "roots | GET /v1//nodes *",
                upstream: "500*",
                cupola: "404",
                ..STATUS
            },
        ],
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
            case: "roots | GET /v1 *",
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
];
