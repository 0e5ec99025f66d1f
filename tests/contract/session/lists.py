"""Lists of nodes: fields, order, pages, filters."""

import uuid

from service import step
from session import client
from session.client import NOWHERE, bad, cli, do, eq, made, named, new_node, req, subset, tag


def node_list():
    rc = tag() + "-list"
    names = [named("l%d" % i) for i in range(6)]
    ids = {}
    with step("six nodes to list"):
        for i, n in enumerate(names):
            ids[n] = new_node(
                n,
                "--resource-class",
                rc,
                "--description",
                "%s number %d" % (rc, i),
                *(["--shard", tag() + "sh"] if i < 2 else [])
            )["uuid"]
    L = ["node", "list", "--resource-class", rc]
    with step("node list: the default columns"):
        j = cli(*L)
        eq(len(j), 6)
        assert {k.lower().replace(" ", "_") for k in j[0]} == {
            "uuid",
            "name",
            "instance_uuid",
            "power_state",
            "provision_state",
            "maintenance",
        }, j[0]
    with step("node list --fields"):
        j = cli(*L, "--fields", "uuid", "name", "extra")
        eq(set(j[0]), {"uuid", "name", "extra"})
    with step("node list --long"):
        j = cli(*L, "--long")
        assert {
            "driver",
            "properties",
            "driver_info",
            "bios_interface",
            "vendor_interface",
            "conductor",
            "traits",
        } <= set(j[0]), sorted(j[0])
    with step("node list --sort name:desc"):
        eq(
            [x["name"] for x in cli(*L, "--fields", "name", "--sort", "name:desc")],
            sorted(names, reverse=True),
        )
    with step("node list --sort by what is not there is refused"):
        eq(req("GET", "/v1/nodes?sort_key=nosuch")[0], 400)
    with step("node list --sort by a JSON field is 400"):
        eq(req("GET", "/v1/nodes?sort_key=properties")[0], 400)
    with step("node list --limit and --marker"):
        one = cli(*L, "--limit", 2, "--sort", "name:asc", "--fields", "uuid", "name")
        eq([x["name"] for x in one], names[:2])
        two = cli(
            *L,
            "--limit",
            3,
            "--sort",
            "name:asc",
            "--fields",
            "uuid",
            "name",
            "--marker",
            one[-1]["uuid"]
        )
        eq([x["name"] for x in two], names[2:5])
    with step("node list --limit 0 is all"):
        eq(len(cli(*L, "--limit", 0)), 6)
    with step("node list: a page has a next link that goes on"):

        def walk(url):
            seen = []
            for _ in range(300):
                c, j, _h = req("GET", url)
                eq(c, 200)
                seen += [x["name"] for x in j["nodes"]]
                if "next" not in j:
                    return seen
                assert j["next"].startswith(client.base), j["next"]
                url = j["next"][len(client.base) :]
                assert "marker=" in url and "limit=" in url, url
            raise AssertionError("no end to the pages")

        do("node", "maintenance", "set", *names)
        # Other sections set maintenance at the same time: only these nodes are looked at.
        everywhere = walk("/v1/nodes?limit=2&maintenance=true&sort_key=name&fields=uuid,name")
        eq([name for name in everywhere if name in names], names)
        do("node", "maintenance", "unset", *names)
    with step("node list: the next link keeps every filter"):
        got = walk("/v1/nodes?limit=2&resource_class=%s&sort_key=name&fields=uuid,name" % rc)
        eq(got, names)
    with step("node list: a wrong marker is refused"):
        c, j, _ = req("GET", "/v1/nodes?marker=" + NOWHERE)
        assert c in (400, 404), c
    with step("node list: a negative limit is 400"):
        eq(req("GET", "/v1/nodes?limit=-1")[0], 400)
    with step("node list: an unknown field is 400"):
        eq(req("GET", "/v1/nodes?fields=uuid,nosuch")[0], 400)
    with step("node list --provision-state"):
        eq(len(cli(*L, "--provision-state", "enroll")), 6)
        eq(len(cli(*L, "--provision-state", "active")), 0)
    with step("node list --maintenance / --no-maintenance"):
        do("node", "maintenance", "set", names[0], names[1], "--reason", "because")
        eq({x["name"] for x in cli(*L, "--maintenance", "--fields", "name")}, set(names[:2]))
        eq({x["name"] for x in cli(*L, "--no-maintenance", "--fields", "name")}, set(names[2:]))
        subset(
            {"maintenance": True, "maintenance_reason": "because"}, cli("node", "show", names[0])
        )
    with step("node maintenance unset"):
        do("node", "maintenance", "unset", names[0], names[1])
        subset({"maintenance": False, "maintenance_reason": None}, cli("node", "show", names[0]))
        eq(cli(*L, "--maintenance"), [])
    with step("node list --owner"):
        do("node", "set", names[1], names[3], "--owner", "own1")
        eq(
            {x["name"] for x in cli(*L, "--owner", "own1", "--fields", "name")},
            {names[1], names[3]},
        )
        do("node", "set", names[2], "--lessee", "les1")
        eq({x["name"] for x in cli(*L, "--lessee", "les1", "--fields", "name")}, {names[2]})
    with step("node list --driver"):
        eq(len(cli(*L, "--driver", "fake-hardware")), 6)
        eq(len(cli(*L, "--driver", "ipmi")), 0)
    with step("node list --description-contains"):
        eq(
            [
                x["name"]
                for x in cli(
                    "node", "list", "--description-contains", rc + " number 3", "--fields", "name"
                )
            ],
            [names[3]],
        )
    with step("node list --associated / --unassociated"):
        do("node", "set", names[4], "--instance-uuid", str(uuid.uuid4()))
        eq([x["name"] for x in cli(*L, "--associated", "--fields", "name")], [names[4]])
        eq(len(cli(*L, "--unassociated")), 5)
        do("node", "unset", names[4], "--instance-uuid")
    with step("node list --retired"):
        do("node", "set", names[5], "--retired")
        eq([x["name"] for x in cli(*L, "--retired", "--fields", "name")], [names[5]])
        do("node", "unset", names[5], "--retired")
    with step("node list --conductor-group, --conductor"):
        eq(len(cli(*L, "--conductor-group", "")), 6)
        eq(len(cli(*L, "--conductor", cli("conductor", "list")[0]["hostname"])), 6)
    with step("node list --shards, --sharded, --unsharded"):
        eq(
            {x["name"] for x in cli("node", "list", "--shards", tag() + "sh", "--fields", "name")},
            set(names[:2]),
        )
        eq(len(cli(*L, "--sharded")), 2)
        eq(len(cli(*L, "--unsharded")), 4)
    with step("shard list"):
        eq([x["count"] for x in cli("shard", "list") if x["name"] == tag() + "sh"], [2])
    with step("parent and child nodes"):
        ch = new_node(named("child"), "--parent-node", ids[names[0]], "--resource-class", rc)
        eq(ch["parent_node"], ids[names[0]])
        eq(len(cli(*L)), 6)
        eq(len(cli(*L, "--include-children")), 7)
        eq(
            [
                x["name"]
                for x in cli("node", "list", "--parent-node", ids[names[0]], "--fields", "name")
            ],
            [named("child")],
        )
        c, j, _ = req("GET", "/v1/nodes/%s/children" % names[0])
        eq((c, j["children"]), (200, [ch["uuid"]]))
    with step("node list --chassis"):
        c = cli("chassis", "create")
        made("chassis", c["uuid"])
        do("node", "set", names[2], "--chassis-uuid", c["uuid"])
        eq(
            [x["name"] for x in cli("node", "list", "--chassis", c["uuid"], "--fields", "name")],
            [names[2]],
        )
        bad(400, "chassis", "delete", c["uuid"])
        do("node", "unset", names[2], "--chassis-uuid")
    with step("GET /v1/nodes/detail"):
        c, j, _ = req("GET", "/v1/nodes/detail?resource_class=%s&limit=1" % rc)
        eq((c, len(j["nodes"])), (200, 1))
        assert (
            "driver_info" in j["nodes"][0]
            and "/v1/nodes/detail?" in j["next"]
            or "detail=True" in j["next"]
        ), j["next"]
