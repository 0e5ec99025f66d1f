"""JSON patches of nodes."""

from service import step
from session.client import NOWHERE, eq, fault, named, new_node, req


def node_patch():
    n = new_node(named("p"))["uuid"]
    P = "/v1/nodes/" + n
    with step("patch: add, replace, remove in one"):
        c, j, _ = req(
            "PATCH",
            P,
            [
                {"op": "add", "path": "/extra/a", "value": 1},
                {"op": "replace", "path": "/extra/a", "value": 2},
                {"op": "add", "path": "/extra/b", "value": {"c": 1}},
                {"op": "add", "path": "/extra/b/d", "value": 2},
                {"op": "remove", "path": "/extra/a"},
            ],
        )
        eq((c, j["extra"]), (200, {"b": {"c": 1, "d": 2}}))
    with step("patch: the body must be a list (400)"):
        eq(req("PATCH", P, {"op": "add", "path": "/extra/a", "value": 1})[0], 400)
    with step("patch: not JSON is 400"):
        c, j, _ = req("PATCH", P, data=b'[{"op": "add", ')
        eq(c, 400)
    with step("patch: unknown op is 400"):
        eq(req("PATCH", P, [{"op": "frobnicate", "path": "/extra/a", "value": 1}])[0], 400)
    with step("patch: no path is 400"):
        eq(req("PATCH", P, [{"op": "add", "value": 1}])[0], 400)
    with step("patch: path without a slash is 400"):
        eq(req("PATCH", P, [{"op": "add", "path": "extra/a", "value": 1}])[0], 400)
    with step("patch: add with no value is 400"):
        eq(req("PATCH", P, [{"op": "add", "path": "/extra/a"}])[0], 400)
    with step("patch: remove of what is not there is 400"):
        eq(req("PATCH", P, [{"op": "remove", "path": "/extra/zz"}])[0], 400)
    with step("patch: unknown field is 400"):
        eq(req("PATCH", P, [{"op": "add", "path": "/bogus", "value": 1}])[0], 400)
    for f in (
        "uuid",
        "provision_state",
        "power_state",
        "created_at",
        "links",
        "reservation",
        "target_power_state",
        "traits",
    ):
        with step("patch: /%s is not yours to change (400)" % f):
            c, j, _ = req("PATCH", P, [{"op": "replace", "path": "/" + f, "value": "x"}])
            eq(c, 400)
            fault(j)
    with step("patch: a wrong type is 400"):
        eq(req("PATCH", P, [{"op": "replace", "path": "/driver_info", "value": "text"}])[0], 400)
    with step("patch: /maintenance may be set"):
        c, j, _ = req("PATCH", P, [{"op": "replace", "path": "/maintenance", "value": True}])
        eq((c, j["maintenance"]), (200, True))
        req("PATCH", P, [{"op": "replace", "path": "/maintenance", "value": False}])
    with step("patch: driver change needs interfaces that fit, or reset_interfaces"):
        c, j, _ = req("PATCH", P, [{"op": "replace", "path": "/driver", "value": "ipmi"}])
        eq(c, 400)
        c, j, _ = req(
            "PATCH",
            P + "?reset_interfaces=True",
            [{"op": "replace", "path": "/driver", "value": "ipmi"}],
        )
        eq((c, j["driver"], j["power_interface"]), (200, "ipmi", "ipmitool"))
    with step("patch: of a wrong node is 404"):
        eq(
            req("PATCH", "/v1/nodes/" + NOWHERE, [{"op": "add", "path": "/extra/a", "value": 1}])[
                0
            ],
            404,
        )
    with step("patch: to a name that is taken is 409"):
        o = new_node(named("p2"))
        eq(req("PATCH", P, [{"op": "replace", "path": "/name", "value": o["name"]}])[0], 409)
    with step("post: a body that is not JSON is 400"):
        c = req("POST", "/v1/nodes", data=b"{nope")[0]
        eq(c, 400)
    with step("method that is not there is 404 or 405"):
        assert req("PUT", "/v1/nodes", {})[0] in (404, 405)
