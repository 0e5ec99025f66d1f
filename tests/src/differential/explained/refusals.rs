//! Meant differences in what is refused, and which of several faults is told.

use super::{Rule, status, text};

/// The differences.
pub(super) const RULES: &[Rule] = &[
    Rule {
        topic: "texts that are too long",
        upstream: "printed back whole, or refused as no name",
        cupola: "named, with how long they may be",
        reason: "That is what the sender has to know.",
        matches: &[text("*", "*", "\"Schema error* is too long (at most *")],
    },
    Rule {
        topic: "paths under which nothing can be made",
        upstream: "checks the body first",
        cupola: "400 `Malformed request URI.`",
        reason: "No body makes them right.",
        matches: &[text(
            "* | POST *",
            "\"Schema error for *",
            "\"Malformed request URI.\"",
        )],
    },
    Rule {
        topic: "bodies that are no JSON, or null, where arguments are expected",
        upstream: "taken for a body without members, so that one is missing",
        cupola: "400: they are no JSON, or null",
        reason: "That is what is wrong with them.",
        matches: &[
            text(
                "bodies | *[*",
                "\"Missing mandatory parameter: *",
                "\"The request body *",
            ),
            text(
                "bodies | *[null]",
                "*",
                "\"The request body must not be null\"",
            ),
            text(
                "bodies | POST /v1/heartbeat/*",
                "\"Missing mandatory parameter: callback_url\"",
                "\"Schema error for heartbeat: * is not of type 'object'\"",
            ),
            text(
                "bodies | *[{} as a form]",
                "\"Schema error: *",
                "\"Unexpected arguments: {}\"",
            ),
        ],
    },
    Rule {
        topic: "a request with two faults",
        upstream: "tells one of them",
        cupola: "tells the other one",
        reason: "Both have to be mended.",
        matches: &[
            status(
                "routes | GET /v1/drivers?fields=name&detail=true *",
                "400 *",
                "406 *",
            ),
            status(
                "nodes-create | * @1.65 *\"network_data\"*",
                "400 *",
                "406 *",
            ),
            status(
                "ports-read | GET /v1/ports?portgroup=x%20y @1.23",
                "400 *",
                "406 *",
            ),
            status(
                "ports-create | * @1.93 *\"node_ident\"*\"node_uuid\"*",
                "400 *",
                "406 *",
            ),
            status(
                "mixed | GET /v1/nodes/$node/traits?* @1.3*",
                "400 Unexpected arguments: *",
                "406 *",
            ),
            status(
                "ramdisk | POST /v1/heartbeat/$node @1.21 *",
                "400 *",
                "404 *",
            ),
            status(
                "ramdisk | POST /v1/continue_inspection @1.83 *",
                "400 *",
                "404 *",
            ),
            status(
                "ramdisk | POST /v1/heartbeat/$unknown *\"nope\"*",
                "404 *",
                "400 Agent status *",
            ),
            status(
                "verbs-arguments | *\"provide\",\"runbook\":\"nope\"*",
                "404 *",
                "400 *",
            ),
            text(
                "nodes-create | *",
                "\"Cannot create a node as a project scoped admin *",
                "\"Schema error *",
            ),
            text(
                "parts | PUT /v1/nodes/$node/traits *\"nope\",\"custom_x\"*",
                "\"Schema error for body: 'custom_x' *",
                "\"Schema error for body: 'nope' *",
            ),
            text(
                "verbs-deploy | * @1.55 *",
                "\"Invalid configdrive format: *",
                "\"Providing a JSON object for configdrive *",
            ),
            text(
                "mixed | GET *address=*address=*limit=0*",
                "\"Expected valid MAC address *",
                "\"Limit must be positive\"",
            ),
            text(
                "routes | POST /v1/continue_inspection* @none *",
                "\"API version 1.84 or newer is required\"",
                "\"Resource could not be found.\"",
            ),
            status(
                "rules-patch | PATCH /v1/inspection_rules/$unknown *",
                "404 *",
                "400 *",
            ),
        ],
    },
    Rule {
        topic: "null where a text is expected",
        upstream: "read as the text `None`",
        cupola: "refused as missing or as no text",
        reason: "That is what is wrong with it.",
        matches: &[
            text(
                "* | PUT *\":null}",
                "\"The requested action \\\"None\\\" *",
                "*",
            ),
            text(
                "parts | *\"boot_device\":null*",
                "\"Invalid boot device None *",
                "*",
            ),
            text(
                "parts | *\"target\":null*",
                "\"Invalid secure_boot None *",
                "*",
            ),
        ],
    },
    Rule {
        topic: "`enabled` of a console that is null",
        upstream: "disables it",
        cupola: "400",
        reason: "Nobody has said what is wanted.",
        matches: &[status(
            "parts | PUT */states/console *\"enabled\":null*",
            "202",
            "400 Missing mandatory parameter: enabled",
        )],
    },
    Rule {
        topic: "values of provision requests in refusals",
        upstream: "printed back",
        cupola: "not printed",
        reason: "Config drives, steps and passwords hold secrets.",
        matches: &[text(
            "verbs-* | PUT */states/provision *",
            "\"Expected * for *: *",
            "\"Expected * for *\"",
        )],
    },
    Rule {
        topic: "secrets beside the target of a patch in refusals",
        upstream: "printed",
        cupola: "masked",
        reason: "They are masked everywhere else.",
        matches: &[text(
            "targets-patch | *\"/properties/a/b\"*",
            "*'auth_password': 'hunter2'*",
            "*'auth_password': '******'*",
        )],
    },
    Rule {
        topic: "empty names of allocations and port groups",
        upstream: "taken",
        cupola: "400",
        reason: "No path could hold them.",
        matches: &[
            status(
                "allocations-* | *\"name\":\"\"*",
                "201",
                "400 * invalid name ''",
            ),
            status(
                "allocations-* | *\"/name\",\"value\":\"\"*",
                "200",
                "400 * invalid name ''",
            ),
            status(
                "portgroups-* | *\"name\":\"\"*",
                "201",
                "400 * invalid name ''",
            ),
            status(
                "portgroups-* | *\"/name\",\"value\":\"\"*",
                "200",
                "400 * invalid name ''",
            ),
        ],
    },
    Rule {
        topic: "`uuid` of an allocation that is none",
        upstream: "taken",
        cupola: "400",
        reason: "It becomes the node's `instance_uuid`, which must be one.",
        matches: &[status(
            "allocations-create | *\"uuid\":\"*",
            "201",
            "400 Expected UUID for uuid:*",
        )],
    },
    Rule {
        topic: "`node` of an allocation that is empty",
        upstream: "taken for none",
        cupola: "400",
        reason: "It is neither a name nor a UUID.",
        matches: &[status(
            "allocations-create | *\"node\":\"\"*",
            "201",
            "400 Expected a logical name or UUID *",
        )],
    },
    Rule {
        topic: "words for `secure_boot` of a new node that are neither true nor false",
        upstream: "taken",
        cupola: "400",
        reason: "It is on or off.",
        matches: &[status(
            "nodes-create | *\"secure_boot\":\"maybe\"*",
            "201",
            "400 Invalid secure_boot: *",
        )],
    },
    Rule {
        topic: "Smart NIC ports without a link, flagged by a word for true",
        upstream: "taken",
        cupola: "400, as where the flag is `true`",
        reason: "The word means the same.",
        matches: &[status(
            "ports-create | *\"is_smartnic\":\"yes\"*",
            "201",
            "400 Smart NIC port must have *",
        )],
    },
    Rule {
        topic: "removing the node of a port, a port group or a volume",
        upstream: "taken, without effect",
        cupola: "400",
        reason: "It cannot be without one, and the client thinks that it is.",
        matches: &[
            status(
                "* | PATCH *\"remove\",\"path\":\"/node_uuid\"*",
                "200",
                "400 Schema error for patch: 'node_uuid' is a required property",
            ),
            text(
                "* | PATCH *\"remove\",\"path\":\"/node_uuid\"*",
                "\"The requested action *",
                "\"Schema error for patch: 'node_uuid' is a required property\"",
            ),
        ],
    },
    Rule {
        topic: "unknown members of steps in a patch of a deploy template or runbook",
        upstream: "taken, and dropped",
        cupola: "400, as in a new one",
        reason: "What was meant by them would be lost.",
        matches: &[status(
            "* | PATCH *\"/steps\"*\"x\":1*",
            "200",
            "400 Schema error for patch: Additional properties *",
        )],
    },
    Rule {
        topic: "fields that an inspection rule has not, or that nobody may change, in a patch",
        upstream: "404, 200 without effect, or a refusal that prints the stored rule",
        cupola: "400, which says what can be changed",
        reason: "As for all other resources; a rule may be sensitive.",
        matches: &[
            status(
                "rules-patch | *\"/uuid\"*",
                "404 *",
                "400 Cannot patch /uuid. *",
            ),
            status(
                "rules-patch | *\"/created_at\"*",
                "200",
                "400 Cannot patch /created_at. *",
            ),
            text(
                "rules-patch | *",
                "*",
                "\"Cannot patch /* Only the following can be updated: *",
            ),
        ],
    },
    Rule {
        topic: "`description` of a deploy template",
        upstream: "taken when one is made, and forgotten; no field that can be patched or asked for",
        cupola: "the same, in the words of any field that is not there",
        reason: "It is none.",
        matches: &[
            text(
                "templates-patch | *\"/description\"*",
                "*",
                "\"Cannot patch /description. *",
            ),
            text(
                "templates-read | *fields=*",
                "\"*",
                "\"Schema error: '*' is not one of ['created_at', 'extra', *",
            ),
        ],
    },
    Rule {
        topic: "a runbook with the same step twice",
        upstream: "refused as a deploy template",
        cupola: "as a runbook",
        reason: "It is one.",
        matches: &[text(
            "runbooks-* | *",
            "\"Deploy template invalid: *",
            "\"Runbook invalid: *",
        )],
    },
    Rule {
        topic: "`node_ident` of a port",
        upstream: "an unknown one is called `None`; a patch has it not",
        cupola: "the refusal names it; a patch may move a port by its node's name",
        reason: "What a port can be made with it can be moved with.",
        matches: &[
            text(
                "ports-create | *\"node_ident\"*",
                "\"Node None could not be found.\"",
                "\"Node no-such could not be found.\"",
            ),
            status(
                "ports-patch | *\"/node_ident\"*",
                "400 Couldn't apply patch *non-existent object 'node_ident'",
                "200",
            ),
        ],
    },
    Rule {
        topic: "ports without a node, or with two",
        upstream: "the refusal prints the whole body",
        cupola: "names the members",
        reason: "They are what is wrong.",
        matches: &[
            text(
                "ports-create | *",
                "\"Schema error for port: * Possible root cause: 'node_ident' is a required property\"",
                "\"Schema error for port: 'node_uuid' is a required property\"",
            ),
            text(
                "ports-create | *",
                "\"Schema error for port: * is valid under each of *",
                "\"Schema error for port: only one of *",
            ),
        ],
    },
    Rule {
        topic: "sorting inspection rules by what cannot be sorted by",
        upstream: "refused by a schema",
        cupola: "in the words of all other lists",
        reason: "It is the same fault.",
        matches: &[text(
            "rules-read | *sort_key=*",
            "\"Schema error: * should not be valid under *",
            "\"The sort_key value * is an invalid field for sorting\"",
        )],
    },
    Rule {
        topic: "parts of `network_data` in refusals",
        upstream: "the whole document or the part that fits least",
        cupola: "what is missing first",
        reason: "Both have to be mended.",
        matches: &[text(
            "nodes-* | *\"network_data\"*",
            "\"Schema error for node: {'id': 'l'} *",
            "\"Schema error for node: * is not valid under any of the given schemas. *",
        )],
    },
    Rule {
        topic: "config drives of wrong types",
        upstream: "the failing part of its schema, as Python prints it",
        cupola: "the name of the part",
        reason: "The part may hold secrets.",
        matches: &[text(
            "verbs-deploy | *\"configdrive\":{\"meta_data\":5}*",
            "\"Invalid configdrive format: 5 is not of type 'object'*",
            "\"Schema error for configdrive: 'meta_data' has the wrong type\"",
        )],
    },
];
