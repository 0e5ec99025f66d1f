//! Meant differences where Ironic fails with 500: each names the failure, so that another one of the
//! same request is found.

use super::{Rule, status};

/// The differences.
pub(super) const RULES: &[Rule] = &[
    Rule {
        topic: "inspection rules without `conditions`",
        upstream: "500",
        cupola: "201: the rule holds always",
        reason: "The API reference has them optional.",
        matches: &[
            status(
                "* | POST /v1/inspection_rules*",
                "500 'NoneType' object is not iterable",
                "201",
            ),
            status(
                "* | POST /v1/inspection_rules*",
                "500 'NoneType' object is not iterable",
                "400 Expected UUID for uuid:*",
            ),
            status(
                "rules-patch | PATCH *\"op\":\"remove\",\"path\":\"/conditions\"*",
                "500 'NoneType' object is not iterable",
                "200",
            ),
        ],
    },
    Rule {
        topic: "null or removed where there is a default",
        upstream: "500",
        cupola: "the default",
        reason: "Other fields take null so, and a patch may remove what may be missing in a new resource.",
        matches: &[
            status("* | POST *null*", "500 Field `* cannot be None", "201"),
            status("* | PATCH *null*", "500 Field `* cannot be None", "200"),
            status("* | PATCH *remove*", "500 Field `* cannot be None", "200"),
            status(
                "nodes-create | POST *\"properties\":null*",
                "500 'NoneType' object has no attribute 'get'",
                "201",
            ),
            status("nodes-patch | *\"/conductor_group\"*", "500 '*", "200"),
            status(
                "nodes-patch | *\"remove\",\"path\":\"/automated_clean\"*",
                "500 'value'",
                "200",
            ),
            status(
                "nodes-patch | *\"/description\",\"value\":null*",
                "500 object of type 'NoneType' has no len()",
                "200",
            ),
            status(
                "portgroups-patch | *\"remove\",\"path\":\"/physical_network\"*",
                "500 list index out of range",
                "200",
            ),
            status(
                "runbooks-patch | *\"/steps\"*",
                "500 * NOT NULL constraint failed: runbook_steps.args*",
                "200",
            ),
        ],
    },
    Rule {
        topic: "`node_uuid` in a patch of a port",
        upstream: "500",
        cupola: "moves the port",
        reason: "The API reference has it among the fields that can be changed.",
        matches: &[status(
            "ports-patch | *\"/node_uuid\"*",
            "500 'address'",
            "200",
        )],
    },
    Rule {
        topic: "digits as priority or order of a step in a patch",
        upstream: "500",
        cupola: "taken, as in a new template or runbook",
        reason: "What can be made can be changed into.",
        matches: &[status(
            "* | PATCH *\"/steps\"*\"7\"*",
            "500 '<' not supported between *",
            "200",
        )],
    },
    Rule {
        topic: "lists sorted by `node_uuid`",
        upstream: "500, with the database's statement",
        cupola: "ports are sorted, for port groups it is no key",
        reason: "A defect of Ironic's query.",
        matches: &[
            status(
                "* | GET *sort_key=node_uuid*",
                "500 (sqlite3.OperationalError)*",
                "200",
            ),
            status(
                "* | GET *sort_key=node_uuid*",
                "500 (sqlite3.OperationalError)*",
                "400 The sort_key value \"node_uuid\" *",
            ),
        ],
    },
    Rule {
        topic: "arguments that an operation does not take",
        upstream: "500 in some places",
        cupola: "400, as in all others",
        reason: "It is the client's fault.",
        matches: &[
            status(
                "*",
                "500 *Controller.*() got an unexpected keyword argument '*",
                "400 Unexpected arguments: *",
            ),
            status(
                "routes | GET /v1/drivers/properties?driver_name=*",
                "500 tuple index out of range",
                "400 Unexpected arguments: driver_name",
            ),
        ],
    },
    Rule {
        topic: "values of wrong types",
        upstream: "500 in some places, with Python's words",
        cupola: "400, with those of a schema",
        reason: "It is the client's fault.",
        matches: &[
            status(
                "templates-patch | *",
                "500 '* object *",
                "400 Schema error for patch: *",
            ),
            status(
                "runbooks-patch | *",
                "500 '* object *",
                "400 Schema error for patch: *",
            ),
            status(
                "nodes-patch | *\"/description\",*",
                "500 object of type 'int' has no len()",
                "400 Schema error for patch: *",
            ),
            status(
                "allocations-patch | *",
                "500 list index out of range",
                "400 Schema error: * does not match *",
            ),
            status(
                "rules-create | *",
                "500 *argument(s): *",
                "400 Invalid parameters for * operator *",
            ),
            status(
                "verbs-arguments | *\"clean_steps\":*",
                "500 '*",
                "400 Invalid clean_steps: *",
            ),
        ],
    },
    Rule {
        topic: "unknown names in `fields` of a node list",
        upstream: "500",
        cupola: "400, as for one node",
        reason: "It is the client's fault.",
        matches: &[status(
            "nodes-read | GET /v1/nodes?fields=*",
            "500 type object 'Node' has no attribute *",
            "400 Field * is not a valid field.",
        )],
    },
    Rule {
        topic: "paths that are not there",
        upstream: "500 in some places",
        cupola: "404",
        reason: "It is the client's fault.",
        matches: &[
            status("* | GET /v1/nodes/$node/children*", "500", "404"),
            status(
                "roots | GET /v1//nodes *",
                "500 *Controller.index() takes *",
                "404",
            ),
            status(
                "parts | GET /v1/nodes/$node/*/nope *",
                "500 *.get() takes *",
                "404",
            ),
        ],
    },
    Rule {
        topic: "bodies that are no JSON",
        upstream: "500",
        cupola: "400",
        reason: "It is the client's fault, and no defect of the service.",
        matches: &[status("bodies | *[*", "500*", "400 *")],
    },
];
