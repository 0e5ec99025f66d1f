"""Versions, collections, drivers and conductors."""

import re

from service import step
from session.client import bad, cli, eq, named, new_node, req, run, subset


def discovery():
    with step("GET / names v1 and its range"):
        c, j, _ = req("GET", "/", ver=None)
        eq(c, 200)
        d = j["default_version"]
        subset({"id": "v1", "status": "CURRENT", "min_version": "1.1"}, d)
        assert re.fullmatch(r"1\.\d+", d["version"])
        assert j["versions"][0]["links"][0]["rel"] == "self"
    with step("GET /v1 links to the collections"):
        c, j, h = req("GET", "/v1")
        eq(c, 200)
        for k in (
            "nodes",
            "ports",
            "portgroups",
            "chassis",
            "drivers",
            "conductors",
            "allocations",
            "deploy_templates",
            "volume",
            "lookup",
            "heartbeat",
            "events",
            "shards",
            "runbooks",
            "inspection_rules",
        ):
            assert j[k][0]["rel"] == "self" and "/v1/%s" % k in j[k][0]["href"], k
        eq(j["version"]["id"], "v1")
    with step("version headers: none asked means 1.1"):
        c, j, h = req("GET", "/v1/nodes", ver=None)
        eq(h["X-OpenStack-Ironic-API-Version"], "1.1")
        eq(h["X-OpenStack-Ironic-API-Minimum-Version"], "1.1")
        assert h["X-OpenStack-Ironic-API-Maximum-Version"]
    with step("version headers: latest means the maximum"):
        c, j, h = req("GET", "/v1/nodes")
        eq(h["X-OpenStack-Ironic-API-Version"], h["X-OpenStack-Ironic-API-Maximum-Version"])
    with step("version headers: OpenStack-API-Version is heard too"):
        c, j, h = req(
            "GET", "/v1/nodes", ver=None, headers={"OpenStack-API-Version": "baremetal 1.31"}
        )
        eq((c, h["X-OpenStack-Ironic-API-Version"]), (200, "1.31"))
    with step("version headers: above the maximum is 406 and says the range"):
        c, j, h = req("GET", "/v1/nodes", ver="1.999")
        eq(c, 406)
        assert "supported version range" in j["error_message"], j
        assert h["X-OpenStack-Ironic-API-Maximum-Version"]
    with step("version headers: garbage is refused"):
        c, j, h = req("GET", "/v1/nodes", ver="one")
        assert c in (400, 406), c
    with step("unknown path is 404"):
        eq(req("GET", "/v1/nosuch")[0], 404)
    with step("CLI pinned to 1.1: a node has no name and state None"):
        n = new_node(named("v1"))
        j = cli("node", "show", n["uuid"], api="1.1")
        assert "name" not in j or j.get("name") is None
        c, raw, _ = req("GET", "/v1/nodes/" + n["uuid"], ver="1.1")
        assert "name" not in raw and "network_interface" not in raw and "traits" not in raw, sorted(
            raw
        )
    with step("a field above the asked version is refused (406)"):
        c, j, _ = req("GET", "/v1/nodes?fields=uuid,traits", ver="1.30")
        eq(c, 406)
    with step("a body field above the asked version is refused (406)"):
        c, j, _ = req(
            "POST", "/v1/nodes", {"driver": "fake-hardware", "resource_class": "x"}, ver="1.10"
        )
        eq(c, 406)


def drivers():
    with step("driver list"):
        j = cli("driver", "list")
        names = {d["name"]: d["hosts"] for d in j}
        assert "fake-hardware" in names and names["fake-hardware"], j
        assert "ipmi" in names
    with step("driver list --long"):
        d = {x["name"]: x for x in cli("driver", "list", "--long")}["fake-hardware"]
        eq(d["default_power_interface"], "fake")
        assert "fake" in str(d["enabled_deploy_interfaces"])
    with step("driver list --type dynamic"):
        assert all(
            x["type"] == "dynamic"
            for x in cli("driver", "list", "--type", "dynamic", "--fields", "name", "type")
        )
    with step("driver list --fields"):
        eq(
            {frozenset(x) for x in cli("driver", "list", "--fields", "name", "hosts")},
            {frozenset({"name", "hosts"})},
        )
    with step("driver show"):
        d = cli("driver", "show", "fake-hardware")
        subset(
            {
                "name": "fake-hardware",
                "type": "dynamic",
                "default_deploy_interface": "fake",
                "default_network_interface": "noop",
            },
            d,
        )
        for i in (
            "bios",
            "boot",
            "console",
            "deploy",
            "firmware",
            "inspect",
            "management",
            "network",
            "power",
            "raid",
            "rescue",
            "storage",
            "vendor",
        ):
            assert d["default_%s_interface" % i] and d["enabled_%s_interfaces" % i], i
    with step("driver show of no such driver is 404"):
        bad(404, "driver", "show", "nosuch", fmt=True)
    with step("driver property list ipmi"):
        p = {x["property"]: x["description"] for x in cli("driver", "property", "list", "ipmi")}
        for k in (
            "ipmi_address",
            "ipmi_username",
            "ipmi_password",
            "ipmi_port",
            "ipmi_priv_level",
            "deploy_kernel",
        ):
            assert k in p, k
        assert "equired" in p["ipmi_address"]
    with step("driver property list redfish"):
        p = {x["property"] for x in cli("driver", "property", "list", "redfish")}
        assert {
            "redfish_address",
            "redfish_system_id",
            "redfish_username",
            "redfish_password",
        } <= p, p
    with step("driver raid property list"):
        p = {x["property"] for x in cli("driver", "raid", "property", "list", "fake-hardware")}
        assert {"raid_level", "size_gb", "is_root_volume"} <= p, p
    with step("driver passthru list"):
        assert isinstance(cli("driver", "passthru", "list", "fake-hardware"), list)
    with step("driver passthru call of no such method is refused"):
        r = run("driver", "passthru", "call", "fake-hardware", "nosuch", "--http-method", "POST")
        assert r.code != 0 and "(HTTP 400)" in r.err, r.err
    with step("conductor list"):
        j = cli("conductor", "list", "--long")
        assert j and all(x["alive"] in (True, False) for x in j)
        assert any("fake-hardware" in x["drivers"] for x in j), j
    with step("conductor show"):
        h = cli("conductor", "list")[0]["hostname"]
        c = cli("conductor", "show", h)
        subset({"hostname": h, "alive": True}, c)
        assert c["created_at"] and "conductor_group" in c
    with step("conductor show of no such host is 404"):
        bad(404, "conductor", "show", "nosuch", fmt=True)
