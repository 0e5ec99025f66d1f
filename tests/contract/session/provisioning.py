"""The life of a node on fake hardware, with all its verbs."""

import json
import re

from service import step
from session.client import (
    NOWHERE,
    bad,
    cli,
    decided,
    do,
    eq,
    fault,
    made,
    named,
    new_node,
    node_get,
    req,
    subset,
    tag,
    wait_field,
    wait_state,
)


def provisioning():
    n = named("life")
    rc = tag() + "-life"
    new_node(n, "--resource-class", rc)
    with step("deploy from enroll is 400"):
        bad(400, "node", "deploy", n, text="can not be performed")
    with step("a verb that is not there is 400"):
        eq(req("PUT", "/v1/nodes/%s/states/provision" % n, {"target": "fly"})[0], 400)
    with step("provide from enroll is 400"):
        bad(400, "node", "provide", n)
    with step("provision of a wrong node is 404"):
        bad(404, "node", "manage", NOWHERE)
    with step("manage --wait"):
        do("node", "manage", n, "--wait", 60)
        j = cli("node", "show", n)
        subset(
            {"provision_state": "manageable", "target_provision_state": None, "last_error": None}, j
        )
        assert j["provision_updated_at"]
    with step("manage from manageable is 400"):
        bad(400, "node", "manage", n)
    with step("inspect --wait"):
        do("node", "inspect", n, "--wait", 60)
        j = cli("node", "show", n)
        eq(j["provision_state"], "manageable")
        assert j["inspection_finished_at"]
    with step("manual clean with a step"):
        do(
            "node",
            "clean",
            n,
            "--clean-steps",
            '[{"interface": "vendor", "step": "log_passthrough"}]',
        )
        wait_state(n, "manageable")
        eq(cli("node", "show", n)["last_error"], None)
    with step(
        "manual clean with a step that is not there ends in clean failed; manage brings it back"
    ):
        do("node", "clean", n, "--clean-steps", '[{"interface": "deploy", "step": "nosuch"}]')
        j = wait_state(n, "clean failed")
        assert "nosuch" in j["last_error"], j["last_error"]
        do("node", "maintenance", "unset", n)
        do("node", "manage", n)
        wait_state(n, "manageable")
    with step("clean with no steps is 400"):
        eq(req("PUT", "/v1/nodes/%s/states/provision" % n, {"target": "clean"})[0], 400)
    with step("clean steps of a bad shape are 400"):
        c = req(
            "PUT",
            "/v1/nodes/%s/states/provision" % n,
            {"target": "clean", "clean_steps": [{"step": "x"}]},
        )[0]
        eq(c, 400)
    with step("clean steps with an interface that is not there are 400"):
        eq(
            req(
                "PUT",
                "/v1/nodes/%s/states/provision" % n,
                {"target": "clean", "clean_steps": [{"interface": "nosuch", "step": "x"}]},
            )[0],
            400,
        )
    with step("manage verb answers 202 with a Location of the states"):
        m = new_node(named("loc"))["uuid"]
        c, j, h = req("PUT", "/v1/nodes/%s/states/provision" % m, {"target": "manage"})
        eq(c, 202)
        assert h["Location"].endswith("/v1/nodes/%s/states" % m), h["Location"]
    with step("provide --wait"):
        do("node", "provide", n, "--wait", 60)
        eq(cli("node", "show", n)["provision_state"], "available")
    with step("a node that is available may not be deployed in maintenance"):
        do("node", "maintenance", "set", n)
        c, j, _ = req("PUT", "/v1/nodes/%s/states/provision" % n, {"target": "active"})
        eq(c, 400)
        do("node", "maintenance", "unset", n)
    with step("allocation wants a node with a power state"):
        if node_get(n)["power_state"] is None:
            al = cli("allocation", "create", "--resource-class", rc)
            made("allocations", al["uuid"])
            eq(decided(al["uuid"])["state"], "error")
            do("allocation", "delete", al["uuid"])
        do("node", "power", "off", n)
        wait_field(n, "power_state", "power off")
    with step("allocation create finds the node"):
        al = cli(
            "allocation", "create", "--resource-class", rc, "--name", named("al"), "--extra", "k=v"
        )
        made("allocations", al["uuid"])
        j = decided(named("al"))
        subset(
            {
                "state": "active",
                "node_uuid": node_get(n)["uuid"],
                "resource_class": rc,
                "last_error": None,
                "extra": {"k": "v"},
            },
            j,
        )
        subset({"instance_uuid": al["uuid"], "allocation_uuid": al["uuid"]}, cli("node", "show", n))
        subset({"uuid": al["uuid"]}, req("GET", "/v1/nodes/%s/allocation" % n)[1])
    with step("allocation list, set, unset"):
        eq([x["uuid"] for x in cli("allocation", "list", "--resource-class", rc)], [al["uuid"]])
        eq([x["uuid"] for x in cli("allocation", "list", "--node", n)], [al["uuid"]])
        eq(
            [
                x["uuid"]
                for x in cli("allocation", "list", "--state", "active", "--resource-class", rc)
            ],
            [al["uuid"]],
        )
        do("allocation", "set", al["uuid"], "--name", named("al2"), "--extra", "x=y")
        subset(
            {"name": named("al2"), "extra": {"k": "v", "x": "y"}},
            cli("allocation", "show", al["uuid"]),
        )
        do("allocation", "unset", al["uuid"], "--extra", "x")
    with step("a second allocation finds none and ends in error"):
        b = cli("allocation", "create", "--resource-class", rc)
        made("allocations", b["uuid"])
        j = decided(b["uuid"])
        eq(j["state"], "error")
        assert j["last_error"], j
        do("allocation", "delete", b["uuid"])
    with step("allocation: taken name 409, wrong uuid 404, no resource class 400"):
        eq(req("POST", "/v1/allocations", {"name": named("al2"), "resource_class": rc})[0], 409)
        bad(404, "allocation", "show", NOWHERE, fmt=True)
        eq(req("POST", "/v1/allocations", {"name": named("al9")})[0], 400)
    with step("deploy --wait"):
        do(
            "node",
            "set",
            n,
            "--instance-info",
            "image_source=http://127.0.0.1:9/image",
            "--instance-info",
            "kernel=http://127.0.0.1:9/k",
            "--instance-info",
            "ramdisk=http://127.0.0.1:9/r",
        )
        do("node", "deploy", n, "--wait", 60, "--config-drive", '{"meta_data": {"hostname": "h"}}')
        subset(
            {
                "provision_state": "active",
                "target_provision_state": None,
                "instance_uuid": al["uuid"],
            },
            cli("node", "show", n),
        )
    with step("an active node may not be deleted (409)"):
        c, j, _ = req("DELETE", "/v1/nodes/" + n)
        eq(c, 409)
        assert re.search("associated with instance|(?i:can not delete)", fault(j)["faultstring"]), j
    with step("deploy from active is 400"):
        bad(400, "node", "deploy", n)
    with step("an allocation of an active node may not be deleted"):
        c, j, _ = req("DELETE", "/v1/allocations/" + al["uuid"])
        eq(c, 409)
        assert "is active" in fault(j)["faultstring"], j
    with step("instance_uuid of an active node may not be unset"):
        c, j, _ = req("PATCH", "/v1/nodes/" + n, [{"op": "remove", "path": "/instance_uuid"}])
        assert c in (400, 409), c
    with step("protected: rebuild, undeploy and delete are refused (403)"):
        do("node", "set", n, "--protected", "--protected-reason", "mine")
        subset({"protected": True, "protected_reason": "mine"}, cli("node", "show", n))
        bad(403, "node", "rebuild", n)
        bad(403, "node", "undeploy", n)
        do("node", "unset", n, "--protected")
        subset({"protected": False, "protected_reason": None}, cli("node", "show", n))
    with step("rebuild"):
        do("node", "rebuild", n)
        wait_state(n, "active")
        eq(cli("node", "show", n)["provision_state"], "active")
    with step("rescue"):
        do("node", "rescue", n, "--rescue-password", "pass")
        wait_state(n, "rescue")
        j = cli("node", "show", n)
        eq(j["provision_state"], "rescue")
        assert (
            "rescue_password" not in j["instance_info"]
            or j["instance_info"]["rescue_password"] == "******"
        ), j["instance_info"]
    with step("rescue with an empty password is 400"):
        eq(
            req(
                "PUT",
                "/v1/nodes/%s/states/provision" % n,
                {"target": "rescue", "rescue_password": ""},
            )[0],
            400,
        )
    with step("unrescue"):
        do("node", "unrescue", n)
        wait_state(n, "active")
        eq(cli("node", "show", n)["provision_state"], "active")
    with step("service with a step"):
        do(
            "node",
            "service",
            n,
            "--service-steps",
            '[{"interface": "vendor", "step": "log_passthrough"}]',
        )
        wait_state(n, "active")
    with step("service wait, then abort marks the step"):
        do(
            "node",
            "service",
            n,
            "--service-steps",
            '[{"interface": "vendor", "step": "trigger_servicewait"}]',
        )
        wait_state(n, "service wait")
        do("node", "abort", n)
        j = wait_state(n, ["service wait", "service failed", "active"])
        assert (
            j["provision_state"] != "service wait" or j["service_step"].get("abort_after") is True
        ), j["service_step"]
    with step("undeploy goes through cleaning to available and frees the allocation"):
        do("node", "undeploy", n)
        wait_state(n, "available")
        j = cli("node", "show", n)
        subset(
            {
                "provision_state": "available",
                "instance_uuid": None,
                "instance_info": {},
                "allocation_uuid": None,
            },
            j,
        )
        bad(404, "allocation", "show", al["uuid"], fmt=True)
    with step("undeploy from available is 400"):
        bad(400, "node", "undeploy", n)
    with step("deploy with deploy steps"):
        do(
            "node",
            "deploy",
            n,
            "--deploy-steps",
            json.dumps([{"interface": "deploy", "step": "deploy", "priority": 0, "args": {}}]),
        )
        wait_state(n, "deploy failed")
        do("node", "undeploy", n)
        wait_state(n, "available")
        do("node", "deploy", n)
        wait_state(n, "active")
        do("node", "undeploy", n)
        wait_state(n, "available")
    with step("deploy with a step of a bad shape is 400"):
        c = req(
            "PUT",
            "/v1/nodes/%s/states/provision" % n,
            {"target": "active", "deploy_steps": [{"interface": "deploy"}]},
        )[0]
        eq(c, 400)
        eq(
            req(
                "PUT",
                "/v1/nodes/%s/states/provision" % n,
                {
                    "target": "active",
                    "deploy_steps": [
                        {"interface": "nosuch", "step": "x", "priority": 1, "args": {}}
                    ],
                },
            )[0],
            400,
        )
    with step("manage from available"):
        do("node", "manage", n)
        wait_state(n, "manageable")
    with step("a retired node may not be provided"):
        do("node", "set", n, "--retired")
        c, j, _ = req("PUT", "/v1/nodes/%s/states/provision" % n, {"target": "provide"})
        assert 400 <= c < 500, c
        do("node", "unset", n, "--retired")
    with step("adopt"):
        do("node", "adopt", n)
        wait_state(n, "active")
        eq(cli("node", "show", n)["provision_state"], "active")
        do("node", "undeploy", n)
        wait_state(n, "available")
    with step("hold: a clean step `hold` stops in clean hold, unhold goes on"):
        do("node", "manage", n)
        wait_state(n, "manageable")
        do(
            "node",
            "clean",
            n,
            "--clean-steps",
            '[{"interface": "deploy", "step": "hold"}, {"interface": "vendor", "step": "log_passthrough"}]',
        )
        wait_state(n, "clean hold")
        do("node", "unhold", n)
        wait_state(n, ["clean wait", "cleaning", "manageable"], free=False)
    with step("unhold of a node that is not held is 400"):
        wait_state(n, ["manageable", "clean wait"])
        bad(400, "node", "unhold", n)
    with step("abort of a node with nothing to abort is 400"):
        bad(400, "node", "abort", n)
    with step("automated clean off: provide does not clean"):
        do("node", "set", n, "--no-automated-clean")
        do("node", "provide", n)
        wait_state(n, "available")
