"""Nodes: made, shown, changed, refused, removed."""

import json
import tempfile
import uuid

from service import step
from session.client import (
    NOWHERE,
    bad,
    cli,
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
)


def node_crud():
    a = named("a")
    with step("node create with everything"):
        u = str(uuid.uuid4())
        j = new_node(
            a,
            "--uuid",
            u,
            "--driver-info",
            "ipmi_password=secret",
            "--driver-info",
            "k=v",
            "--property",
            "cpus=8",
            "--property",
            "memory_mb=4096",
            "--property",
            "capabilities=boot_mode:uefi",
            "--extra",
            "rack=r1",
            "--extra",
            'deep={"x": [1, 2]}',
            "--resource-class",
            tag(),
            "--description",
            "the first of %s" % tag(),
            "--lessee",
            tag() + "-lessee",
            "--shard",
            tag() + "-s1",
            "--automated-clean",
            "--network-interface",
            "noop",
            "--console-interface",
            "no-console",
            "--deploy-interface",
            "direct",
            "--rescue-interface",
            "no-rescue",
        )
        subset(
            {
                "uuid": u,
                "name": a,
                "driver": "fake-hardware",
                "resource_class": tag(),
                "owner": None,
                "lessee": tag() + "-lessee",
                "shard": tag() + "-s1",
                "automated_clean": True,
                "network_interface": "noop",
                "console_interface": "no-console",
                "deploy_interface": "direct",
                "rescue_interface": "no-rescue",
                "provision_state": "enroll",
                "power_state": None,
                "maintenance": False,
                "reservation": None,
                "target_provision_state": None,
                "instance_uuid": None,
                "conductor_group": "",
                "protected": False,
                "retired": False,
                "updated_at": None,
                "last_error": None,
                "fault": None,
                "console_enabled": False,
            },
            j,
        )
        eq(j["properties"], {"cpus": 8, "memory_mb": 4096, "capabilities": "boot_mode:uefi"})
        eq(j["extra"], {"rack": "r1", "deep": {"x": [1, 2]}})
    with step("node create --owner"):
        c, j, _ = req("POST", "/v1/nodes", {"driver": "fake-hardware", "owner": "o"})
        eq((c, j["owner"]), (201, "o"))
        made("nodes", j["uuid"])
    with step("node show masks the password"):
        j = cli("node", "show", a)
        eq(j["driver_info"], {"ipmi_password": "******", "k": "v"})
        eq(j["uuid"], u)
    with step("node show by uuid, upper case name differs"):
        eq(cli("node", "show", u)["name"], a)
    with step("node show --fields"):
        eq(
            cli("node", "show", a, "--fields", "uuid", "name", "driver"),
            {"uuid": u, "name": a, "driver": "fake-hardware"},
        )
    with step("node show has conductor, traits, allocation"):
        j = cli("node", "show", a)
        assert j["conductor"], j["conductor"]
        eq((j["traits"], j["allocation_uuid"], j["chassis_uuid"]), ([], None, None))
    with step("node set: properties, extra, names, texts"):
        do(
            "node",
            "set",
            a,
            "--property",
            "cpus=16",
            "--property",
            "local_gb=100",
            "--extra",
            "rack=r2",
            "--description",
            "changed",
            "--driver-info",
            "deploy_kernel=http://127.0.0.1/k",
            "--instance-info",
            "root_gb=10",
            "--resource-class",
            tag() + "2",
            "--owner",
            "o2",
            "--lessee",
            "l2",
            "--no-automated-clean",
            "--conductor-group",
            "",
        )
        j = cli("node", "show", a)
        subset(
            {
                "description": "changed",
                "resource_class": tag() + "2",
                "owner": "o2",
                "lessee": "l2",
                "automated_clean": False,
            },
            j,
        )
        subset({"cpus": 16, "local_gb": 100, "memory_mb": 4096}, j["properties"])
        subset({"root_gb": 10}, j["instance_info"])
        subset({"deploy_kernel": "http://127.0.0.1/k", "k": "v"}, j["driver_info"])
        assert j["updated_at"]
    with step("node set --name, then back"):
        do("node", "set", a, "--name", a + ".x")
        eq(cli("node", "show", a + ".x")["uuid"], u)
        bad(404, "node", "show", a)
        do("node", "set", u, "--name", a)
    with step("node set interfaces"):
        do(
            "node",
            "set",
            a,
            "--deploy-interface",
            "fake",
            "--console-interface",
            "fake",
            "--rescue-interface",
            "fake",
            "--raid-interface",
            "no-raid",
        )
        subset(
            {
                "deploy_interface": "fake",
                "console_interface": "fake",
                "rescue_interface": "fake",
                "raid_interface": "no-raid",
            },
            cli("node", "show", a),
        )
    with step("node set --reset-raid-interface"):
        do("node", "set", a, "--reset-raid-interface")
        eq(cli("node", "show", a)["raid_interface"], "fake")
    with step("node set of an interface that is not enabled is refused"):
        bad(400, "node", "set", a, "--boot-interface", "nosuch")
    with step("node set of a driver that is not there is refused"):
        bad(400, "node", "set", a, "--driver", "nosuch")
    with step("node unset"):
        do(
            "node",
            "unset",
            a,
            "--property",
            "local_gb",
            "--extra",
            "rack",
            "--description",
            "--owner",
            "--lessee",
            "--shard",
            "--instance-info",
            "root_gb",
            "--driver-info",
            "k",
            "--resource-class",
        )
        j = cli("node", "show", a)
        subset(
            {
                "description": None,
                "owner": None,
                "lessee": None,
                "shard": None,
                "resource_class": None,
                "extra": {"deep": {"x": [1, 2]}},
                "instance_info": {},
            },
            j,
        )
        assert "local_gb" not in j["properties"] and "k" not in j["driver_info"]
    with step("node unset --automated-clean"):
        do("node", "unset", a, "--automated-clean")
        eq(node_get(a)["automated_clean"], None)
    with step("node unset of what is not there is 400"):
        bad(400, "node", "unset", a, "--extra", "nosuch", text="(?i)apply patch")
    with step("node set --instance-uuid and show --instance"):
        iu = str(uuid.uuid4())
        do("node", "set", a, "--instance-uuid", iu)
        eq(cli("node", "show", "--instance", iu)["uuid"], u)
        do("node", "unset", a, "--instance-uuid")
        eq(cli("node", "show", a)["instance_uuid"], None)
    with step("node set --network-data"):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
            json.dump({"links": [], "networks": [], "services": []}, f)
            f.flush()
            do("node", "set", a, "--network-data", f.name)
        eq(cli("node", "show", a)["network_data"], {"links": [], "networks": [], "services": []})
        do("node", "unset", a, "--network-data")
        eq(cli("node", "show", a)["network_data"], {})
    with step("node set --retired, --protected rules"):
        do("node", "set", a, "--retired", "--retired-reason", "old")
        subset({"retired": True, "retired_reason": "old"}, cli("node", "show", a))
        do("node", "unset", a, "--retired")
        j = cli("node", "show", a)
        assert (
            not j["retired"] and j["retired_reason"] is None
        ), j  # upstream keeps null after a remove
        # protection is for nodes that carry an instance
        bad(409, "node", "set", a, "--protected")
    with step("node set --target-raid-config"):
        do(
            "node",
            "set",
            a,
            "--target-raid-config",
            '{"logical_disks": [{"size_gb": 50, "raid_level": "1"}]}',
        )
        eq(
            cli("node", "show", a)["target_raid_config"],
            {"logical_disks": [{"size_gb": 50, "raid_level": "1"}]},
        )
        do("node", "unset", a, "--target-raid-config")
    with step("node set --target-raid-config that breaks the schema is 400"):
        bad(400, "node", "set", a, "--target-raid-config", '{"logical_disks": [{"raid_level": 9}]}')
    with step("node validate"):
        v = {x["Interface"]: x for x in cli("node", "validate", a)}
        assert {
            "boot",
            "deploy",
            "management",
            "power",
            "network",
            "storage",
            "bios",
            "console",
            "raid",
            "rescue",
            "inspect",
            "firmware",
        } <= set(v), sorted(v)
        eq((v["power"]["Result"], v["boot"]["Result"]), (True, True))
    with step("node create with a name that is taken is 409"):
        # the client itself tries a 409 six times, two seconds apart
        bad(
            409,
            "node",
            "create",
            "--driver",
            "fake-hardware",
            "--name",
            a,
            fmt=True,
            text="already exists",
        )
    with step("node create with a uuid that is taken is 409"):
        c, j, _ = req("POST", "/v1/nodes", {"driver": "fake-hardware", "uuid": u})
        eq(c, 409)
    with step("node create with no such driver is 400"):
        bad(400, "node", "create", "--driver", "nosuch", fmt=True)
    with step("node create with no driver is 400"):
        eq(req("POST", "/v1/nodes", {"name": named("nodriver")})[0], 400)
    with step("node create with a bad name is 400"):
        bad(400, "node", "create", "--driver", "fake-hardware", "--name", "bad name!", fmt=True)
    with step("node create with an unknown field is 400"):
        c, j, _ = req("POST", "/v1/nodes", {"driver": "fake-hardware", "bogus": 1})
        eq(c, 400)
        fault(j)
    with step("node create with an interface that does not fit is 400"):
        bad(400, "node", "create", "--driver", "ipmi", "--power-interface", "fake", fmt=True)
    with step("node show of a wrong uuid is 404"):
        bad(404, "node", "show", NOWHERE, fmt=True, text="could not be found")
    with step("node delete of a wrong uuid is 404"):
        bad(404, "node", "delete", NOWHERE)
    with step("the 404 body is the fault shape"):
        c, j, _ = req("GET", "/v1/nodes/" + NOWHERE)
        eq((c, fault(j)["faultcode"]), (404, "Client"))
        eq(fault(j)["faultstring"], "Node %s could not be found." % NOWHERE)
    with step("node delete"):
        d = new_node(named("del"))
        do("node", "delete", d["uuid"])
        bad(404, "node", "show", d["uuid"])
