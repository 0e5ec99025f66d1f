"""Chassis, volumes, traits, deploy templates, runbooks, inspection rules."""

import json

from service import step
from session.client import (
    NOWHERE,
    bad,
    cli,
    do,
    eq,
    made,
    named,
    new_node,
    req,
    subset,
    tag,
    to_state,
    wait_field,
    wait_state,
)


def chassis_volumes_traits():
    n = new_node(named("cv"))["uuid"]
    with step("chassis create, show, list, set, unset, delete"):
        c = cli("chassis", "create", "--description", "rack " + tag(), "--extra", "row=3")
        made("chassis", c["uuid"])
        subset({"description": "rack " + tag(), "extra": {"row": 3}}, c)
        assert c["uuid"] in [x["uuid"] for x in cli("chassis", "list", "--limit", 0)]
        assert "extra" in cli("chassis", "list", "--long", "--limit", 1)[0]
        do("chassis", "set", c["uuid"], "--description", "new", "--extra", "col=4")
        subset(
            {"description": "new", "extra": {"row": 3, "col": 4}}, cli("chassis", "show", c["uuid"])
        )
        do("chassis", "unset", c["uuid"], "--description", "--extra", "row")
        j = cli("chassis", "show", c["uuid"])
        assert not j["description"] and j["extra"] == {"col": 4}, j
        do("chassis", "delete", c["uuid"])
        bad(404, "chassis", "show", c["uuid"], fmt=True)
    with step("traits: add, list, remove, remove all"):
        do("node", "add", "trait", n, "CUSTOM_%s" % tag().upper(), "HW_CPU_X86_VMX")
        eq(
            {x["traits"] for x in cli("node", "trait", "list", n)},
            {"CUSTOM_%s" % tag().upper(), "HW_CPU_X86_VMX"},
        )
        eq(set(cli("node", "show", n)["traits"]), {"CUSTOM_%s" % tag().upper(), "HW_CPU_X86_VMX"})
        do("node", "remove", "trait", n, "HW_CPU_X86_VMX")
        eq([x["traits"] for x in cli("node", "trait", "list", n)], ["CUSTOM_%s" % tag().upper()])
        do("node", "remove", "trait", n, "--all")
        eq(cli("node", "trait", "list", n), [])
    with step("traits: set all at once, a bad name is 400, a missing one is 404"):
        eq(req("PUT", "/v1/nodes/%s/traits" % n, {"traits": ["CUSTOM_1", "CUSTOM_2"]})[0], 204)
        eq(set(req("GET", "/v1/nodes/%s/traits" % n)[1]["traits"]), {"CUSTOM_1", "CUSTOM_2"})
        eq(req("PUT", "/v1/nodes/%s/traits/nope" % n)[0], 400)
        eq(req("PUT", "/v1/nodes/%s/traits" % n, {"traits": ["lower"]})[0], 400)
        eq(req("DELETE", "/v1/nodes/%s/traits/CUSTOM_9" % n)[0], 404)
        eq(req("DELETE", "/v1/nodes/%s/traits" % n)[0], 204)
    with step("volume connector: create, list, show, 409"):
        v = cli(
            "volume",
            "connector",
            "create",
            "--node",
            n,
            "--type",
            "iqn",
            "--connector-id",
            "iqn.2024-01.org:%s" % tag(),
            "--extra",
            "a=1",
        )
        vc = made("volume/connectors", v["uuid"])
        subset(
            {
                "node_uuid": n,
                "type": "iqn",
                "connector_id": "iqn.2024-01.org:%s" % tag(),
                "extra": {"a": 1},
            },
            v,
        )
        eq([x["uuid"] for x in cli("volume", "connector", "list", "--node", n)], [vc])
        eq(cli("volume", "connector", "show", vc)["type"], "iqn")
        eq(
            req(
                "POST",
                "/v1/volume/connectors",
                {"node_uuid": n, "type": "iqn", "connector_id": "iqn.2024-01.org:%s" % tag()},
            )[0],
            409,
        )
        bad(404, "volume", "connector", "show", NOWHERE, fmt=True)
    with step("volume target: create, list, show, 409"):
        v = cli(
            "volume",
            "target",
            "create",
            "--node",
            n,
            "--type",
            "iscsi",
            "--boot-index",
            0,
            "--volume-id",
            "vol-" + tag(),
            "--property",
            "target_iqn=iqn.2024-01.org:t",
            "--property",
            "target_lun=0",
        )
        vt = made("volume/targets", v["uuid"])
        subset({"node_uuid": n, "volume_type": "iscsi", "volume_id": "vol-" + tag()}, v)
        eq(int(v["boot_index"]), 0)
        eq([x["uuid"] for x in cli("volume", "target", "list", "--node", n)], [vt])
        assert (
            cli("volume", "target", "show", vt)["properties"]["target_iqn"] == "iqn.2024-01.org:t"
        )
        eq(
            req(
                "POST",
                "/v1/volume/targets",
                {"node_uuid": n, "volume_type": "iscsi", "boot_index": 0, "volume_id": "x"},
            )[0],
            409,
        )
    with step("volume set wants the node powered off"):
        do("node", "manage", n)
        wait_state(n, "manageable")
        do("node", "power", "off", n)
        wait_field(n, "power_state", "power off")
        do("volume", "connector", "set", vc, "--connector-id", "iqn.2024-01.org:%s2" % tag())
        eq(cli("volume", "connector", "show", vc)["connector_id"], "iqn.2024-01.org:%s2" % tag())
        do("volume", "target", "set", vt, "--volume-id", "vol2")
        eq(cli("volume", "target", "show", vt)["volume_id"], "vol2")
        do("node", "power", "on", n)
        wait_field(n, "power_state", "power on")
        bad(400, "volume", "target", "set", vt, "--volume-id", "vol3")
        bad(400, "volume", "connector", "set", vc, "--connector-id", "c3")
        do("node", "power", "off", n)
        wait_field(n, "power_state", "power off")
        do("volume", "target", "delete", vt)
        do("volume", "connector", "delete", vc)
        eq(cli("volume", "target", "list", "--node", n), [])
        eq(cli("volume", "connector", "list", "--node", n), [])


def templates_runbooks_rules():
    T = "CUSTOM_" + tag().upper()
    steps = [
        {
            "interface": "bios",
            "step": "apply_configuration",
            "args": {"settings": [{"name": "LogicalProc", "value": "Enabled"}]},
            "priority": 150,
        }
    ]
    with step("deploy template create, show, list"):
        t = cli("deploy", "template", "create", T, "--steps", json.dumps(steps), "--extra", "a=b")
        made("deploy_templates", t["uuid"])
        subset({"name": T, "steps": steps, "extra": {"a": "b"}}, t)
        eq(cli("deploy", "template", "show", T)["uuid"], t["uuid"])
        assert T in [x["name"] for x in cli("deploy", "template", "list", "--limit", 0)]
        assert "steps" in cli("deploy", "template", "list", "--long", "--limit", 1)[0]
    with step("deploy template set, unset"):
        s2 = [dict(steps[0], priority=10)]
        do(
            "deploy",
            "template",
            "set",
            T,
            "--steps",
            json.dumps(s2),
            "--extra",
            "c=d",
            "--name",
            T + "X",
        )
        subset(
            {"steps": s2, "extra": {"a": "b", "c": "d"}}, cli("deploy", "template", "show", T + "X")
        )
        do("deploy", "template", "unset", t["uuid"], "--extra", "a")
        eq(cli("deploy", "template", "show", t["uuid"])["extra"], {"c": "d"})
    with step("deploy template: taken name 409, bad name 400, no steps 400, duplicate steps 400"):
        eq(req("POST", "/v1/deploy_templates", {"name": T + "X", "steps": steps})[0], 409)
        eq(req("POST", "/v1/deploy_templates", {"name": "lower-case", "steps": steps})[0], 400)
        eq(req("POST", "/v1/deploy_templates", {"name": T + "Y", "steps": []})[0], 400)
        eq(req("POST", "/v1/deploy_templates", {"name": T + "Y", "steps": steps + steps})[0], 400)
    with step("deploy template delete"):
        do("deploy", "template", "delete", T + "X")
        bad(404, "deploy", "template", "show", T + "X", fmt=True)
    rsteps = [{"interface": "vendor", "step": "log_passthrough", "args": {}, "order": 1}]
    RB = "CUSTOM_RB_" + tag().upper()
    with step("runbook create, show, list"):
        r = cli(
            "runbook",
            "create",
            "--name",
            RB,
            "--steps",
            json.dumps(rsteps),
            "--extra",
            "a=b",
            "--description",
            "rb",
        )
        made("runbooks", r["uuid"])
        subset(
            {
                "name": RB,
                "steps": rsteps,
                "extra": {"a": "b"},
                "public": False,
                "owner": None,
                "disable_ramdisk": False,
            },
            r,
        )
        eq(cli("runbook", "show", RB)["uuid"], r["uuid"])
        assert RB in [x["name"] for x in cli("runbook", "list", "--limit", 0)]
    with step("runbook set, traits, unset"):
        do(
            "runbook",
            "set",
            RB,
            "--extra",
            "c=d",
            "--disable-ramdisk",
            "true",
            "--description",
            "other",
        )
        subset(
            {"extra": {"a": "b", "c": "d"}, "disable_ramdisk": True, "description": "other"},
            cli("runbook", "show", RB),
        )
        do("runbook", "trait", "add", RB, "CUSTOM_RBT")
        eq([x["traits"] for x in cli("runbook", "trait", "list", RB)], ["CUSTOM_RBT"])
        do("runbook", "trait", "remove", RB, "CUSTOM_RBT")
        do("runbook", "unset", RB, "--extra", "a")
        eq(cli("runbook", "show", RB)["extra"], {"c": "d"})
    with step("runbook: taken name 409, no steps 400, wrong uuid 404"):
        eq(req("POST", "/v1/runbooks", {"name": RB, "steps": rsteps})[0], 409)
        eq(req("POST", "/v1/runbooks", {"name": RB + "X", "steps": []})[0], 400)
        bad(404, "runbook", "show", NOWHERE, fmt=True)
    with step("clean with a runbook (the node needs its trait)"):
        n = new_node(named("rb"))["uuid"]
        to_state(n, "manageable")
        do("runbook", "set", RB, "--disable-ramdisk", "false")
        bad(400, "node", "clean", n, "--runbook", RB, text="no traits")
        do("runbook", "trait", "add", RB, "CUSTOM_RBN")
        bad(400, "node", "clean", n, "--runbook", RB)
        do("node", "add", "trait", n, "CUSTOM_RBN")
        do("node", "clean", n, "--runbook", RB)
        wait_state(n, "manageable")
    with step("runbook delete"):
        do("runbook", "delete", RB)
        bad(404, "runbook", "show", RB, fmt=True)
    with step("inspection rule create, show, list"):
        acts = [{"op": "set-attribute", "args": {"path": "/extra/rule", "value": tag()}}]
        cond = [{"op": "is-true", "args": {"value": True}}]
        r = cli(
            "inspection",
            "rule",
            "create",
            "--actions",
            json.dumps(acts),
            "--conditions",
            json.dumps(cond),
            "--description",
            "r " + tag(),
        )
        ir = made("inspection_rules", r["uuid"])
        subset({"description": "r " + tag(), "phase": "main", "priority": 0, "sensitive": False}, r)
        eq(cli("inspection", "rule", "show", ir)["actions"][0]["op"], "set-attribute")
        assert ir in [x["uuid"] for x in cli("inspection", "rule", "list", "--limit", 0)]
    with step("inspection rule set, delete, 400, 404"):
        do("inspection", "rule", "set", ir, "--description", "changed")
        eq(cli("inspection", "rule", "show", ir)["description"], "changed")
        c, j, _ = req(
            "PATCH",
            "/v1/inspection_rules/" + ir,
            [{"op": "replace", "path": "/priority", "value": 7}],
        )
        eq((c, j["priority"]), (200, 7))
        eq(
            req(
                "POST",
                "/v1/inspection_rules",
                {"actions": [{"op": "nosuch", "args": {}}], "conditions": []},
            )[0],
            400,
        )
        do("inspection", "rule", "delete", ir)
        bad(404, "inspection", "rule", "show", ir, fmt=True)
