"""Ports, port groups, virtual network interfaces."""

import uuid

from service import step
from session.client import (
    NOWHERE,
    bad,
    cli,
    do,
    eq,
    fault,
    mac,
    made,
    named,
    new_node,
    req,
    subset,
)


def ports():
    n, n2 = new_node(named("pn"))["uuid"], new_node(named("pn2"))["uuid"]
    S = {}
    with step("port create with everything"):
        p = cli(
            "port",
            "create",
            mac(1).upper(),
            "--node",
            n,
            "--pxe-enabled",
            "true",
            "--extra",
            "k=v",
            "--physical-network",
            "physnet1",
            "--local-link-connection",
            "switch_id=0a:1b:2c:3d:4e:5f",
            "--local-link-connection",
            "port_id=Eth1/1",
            "--local-link-connection",
            "switch_info=sw1",
            "--name",
            named("port1"),
            "--description",
            "first",
            "--vendor",
            "acme",
            "--category",
            "fast",
        )
        S["p"] = made("ports", p["uuid"])
        subset(
            {
                "address": mac(1),
                "node_uuid": n,
                "pxe_enabled": True,
                "extra": {"k": "v"},
                "physical_network": "physnet1",
                "local_link_connection": {
                    "switch_id": "0a:1b:2c:3d:4e:5f",
                    "port_id": "Eth1/1",
                    "switch_info": "sw1",
                },
                "name": named("port1"),
                "is_smartnic": False,
                "internal_info": {},
                "portgroup_uuid": None,
            },
            p,
        )
    with step("port show by uuid, name and address"):
        for a in ([S["p"]], [named("port1")], ["--address", mac(1)]):
            subset(
                {"uuid": S["p"], "description": "first", "vendor": "acme", "category": "fast"},
                cli("port", "show", *a),
            )
    with step("port list --node, --address, --fields, --long"):
        eq([x["uuid"] for x in cli("port", "list", "--node", n)], [S["p"]])
        eq([x["uuid"] for x in cli("port", "list", "--node", named("pn"))], [S["p"]])
        eq(
            set(cli("port", "list", "--address", mac(1), "--fields", "uuid", "extra")[0]),
            {"uuid", "extra"},
        )
        assert "local_link_connection" in cli("port", "list", "--node", n, "--long")[0]
    with step("port list --sort --limit --marker"):
        for i in (2, 3, 4):
            made("ports", cli("port", "create", mac(i), "--node", n)["uuid"])
        j = cli("port", "list", "--node", n, "--sort", "address:desc")
        eq([x["address"] for x in j], [mac(i) for i in (4, 3, 2, 1)])
        eq(
            [
                x["address"]
                for x in cli(
                    "port",
                    "list",
                    "--node",
                    n,
                    "--sort",
                    "address:asc",
                    "--limit",
                    2,
                    "--marker",
                    S["p"],
                )
            ],
            [mac(2), mac(3)],
        )
    with step("port set"):
        do(
            "port",
            "set",
            S["p"],
            "--pxe-disabled",
            "--extra",
            "x=y",
            "--physical-network",
            "physnet2",
            "--address",
            mac(9),
            "--description",
            "second",
            "--local-link-connection",
            "port_id=Eth2",
        )
        subset(
            {
                "pxe_enabled": False,
                "extra": {"k": "v", "x": "y"},
                "physical_network": "physnet2",
                "address": mac(9),
                "description": "second",
            },
            cli("port", "show", S["p"]),
        )
    with step("port unset"):
        do(
            "port",
            "unset",
            S["p"],
            "--extra",
            "x",
            "--physical-network",
            "--description",
            "--name",
            "--vendor",
            "--category",
        )
        subset(
            {"extra": {"k": "v"}, "physical_network": None, "description": None, "name": None},
            cli("port", "show", S["p"]),
        )
    with step("port create with an address that is taken is 409"):
        c, j, _ = req("POST", "/v1/ports", {"address": mac(9), "node_uuid": n})
        eq(c, 409)
        assert "already exists" in fault(j)["faultstring"]
    with step("port create with a bad address is 400"):
        bad(400, "port", "create", "not-a-mac", "--node", n, fmt=True)
    with step("port create for no such node is refused"):
        c, j, _ = req("POST", "/v1/ports", {"address": mac(20), "node_uuid": NOWHERE})
        eq(c, 400)
    with step("port create with no node is 400"):
        eq(req("POST", "/v1/ports", {"address": mac(20)})[0], 400)
    with step("port show of a wrong uuid is 404"):
        bad(404, "port", "show", NOWHERE, fmt=True)
    with step("port group create"):
        g = cli(
            "port",
            "group",
            "create",
            "--node",
            n,
            "--name",
            named("pg"),
            "--address",
            mac(30),
            "--mode",
            "802.3ad",
            "--property",
            "miimon=100",
            "--property",
            "xmit_hash_policy=layer3+4",
            "--extra",
            "a=b",
            "--unsupport-standalone-ports",
        )
        S["g"] = made("portgroups", g["uuid"])
        subset(
            {
                "name": named("pg"),
                "address": mac(30),
                "mode": "802.3ad",
                "properties": {"miimon": 100, "xmit_hash_policy": "layer3+4"},
                "standalone_ports_supported": False,
                "node_uuid": n,
                "extra": {"a": "b"},
            },
            g,
        )
    with step("port group create with defaults"):
        g2 = cli("port", "group", "create", "--node", n)
        made("portgroups", g2["uuid"])
        subset(
            {
                "mode": "active-backup",
                "standalone_ports_supported": True,
                "address": None,
                "name": None,
            },
            g2,
        )
    with step("port joins and leaves a port group"):
        do("port", "set", S["p"], "--port-group", S["g"])
        eq(cli("port", "show", S["p"])["portgroup_uuid"], S["g"])
        eq([x["uuid"] for x in cli("port", "list", "--port-group", named("pg"))], [S["p"]])
        c, j, _ = req("GET", "/v1/portgroups/%s/ports" % S["g"])
        eq([x["uuid"] for x in j["ports"]], [S["p"]])
        bad(400, "port", "group", "delete", S["g"], text="contains ports")
        do("port", "unset", S["p"], "--port-group")
        eq(cli("port", "show", S["p"])["portgroup_uuid"], None)
    with step("port group list, show, set, unset"):
        eq(len(cli("port", "group", "list", "--node", n)), 2)
        eq([x["uuid"] for x in cli("port", "group", "list", "--address", mac(30))], [S["g"]])
        do(
            "port",
            "group",
            "set",
            named("pg"),
            "--mode",
            "balance-rr",
            "--property",
            "miimon=50",
            "--support-standalone-ports",
            "--name",
            named("pgx"),
        )
        subset(
            {
                "mode": "balance-rr",
                "properties": {"miimon": 50, "xmit_hash_policy": "layer3+4"},
                "standalone_ports_supported": True,
            },
            cli("port", "group", "show", named("pgx")),
        )
        do(
            "port",
            "group",
            "unset",
            named("pgx"),
            "--address",
            "--name",
            "--extra",
            "a",
            "--property",
            "miimon",
        )
        subset(
            {
                "address": None,
                "name": None,
                "extra": {},
                "properties": {"xmit_hash_policy": "layer3+4"},
            },
            cli("port", "group", "show", S["g"]),
        )
    with step("port group of a wrong node, wrong uuid, taken name"):
        bad(404, "port", "group", "show", NOWHERE, fmt=True)
        eq(req("POST", "/v1/portgroups", {"node_uuid": NOWHERE})[0], 400)
        req(
            "PATCH",
            "/v1/portgroups/" + S["g"],
            [{"op": "add", "path": "/name", "value": named("pg")}],
        )
        eq(req("POST", "/v1/portgroups", {"node_uuid": n, "name": named("pg")})[0], 409)
    with step("GET /v1/nodes/X/ports and /portgroups"):
        eq(len(req("GET", "/v1/nodes/%s/ports" % n)[1]["ports"]), 4)
        eq(len(req("GET", "/v1/nodes/%s/portgroups" % n)[1]["portgroups"]), 2)
    with step("port delete, port group delete"):
        do("port", "delete", S["p"])
        bad(404, "port", "show", S["p"])
        do("port", "group", "delete", S["g"])
        bad(404, "port", "group", "show", S["g"])
    with step("vif attach, list, detach (noop network keeps none)"):
        vif = str(uuid.uuid4())
        do("node", "vif", "attach", n, vif)
        eq(cli("node", "vif", "list", n), [])
        do("node", "vif", "detach", n, vif)
    with step("vif attach to a wrong node is 404"):
        bad(404, "node", "vif", "attach", NOWHERE, vif)
    with step("deleting a node takes its ports with it"):
        x = cli("port", "create", mac(40), "--node", n2)["uuid"]
        do("node", "delete", n2)
        bad(404, "port", "show", x)
