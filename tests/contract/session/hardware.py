"""Power, boot, console, lamps, vendor methods, BIOS settings."""

import json
import time

from service import step
from session.client import (
    NOWHERE,
    bad,
    cli,
    do,
    eq,
    named,
    new_node,
    node_get,
    req,
    run,
    subset,
    to_state,
    wait_field,
    wait_state,
)


def power_and_boot():
    n = named("pw")
    new_node(n)
    to_state(n, "manageable")
    with step("power on"):
        do("node", "power", "on", n)
        j = wait_field(n, "power_state", "power on")
        j = wait_field(n, "target_power_state", None)
    with step("power off"):
        do("node", "power", "off", n)
        wait_field(n, "power_state", "power off")
    with step("reboot ends powered on"):
        do("node", "reboot", n)
        wait_field(n, "target_power_state", None)
        wait_field(n, "power_state", "power on")
    with step("soft power off, soft reboot, with a timeout"):
        do("node", "reboot", "--soft", "--power-timeout", 30, n)
        wait_field(n, "target_power_state", None)
        do("node", "power", "off", "--soft", "--power-timeout", 30, n)
        wait_field(n, "power_state", "power off")
    with step("power to a wrong target is 400, of a wrong node 404"):
        eq(req("PUT", "/v1/nodes/%s/states/power" % n, {"target": "sideways"})[0], 400)
        bad(404, "node", "power", "on", NOWHERE)
    with step("GET states"):
        c, j, _ = req("GET", "/v1/nodes/%s/states" % n)
        eq(c, 200)
        subset(
            {
                "power_state": "power off",
                "target_power_state": None,
                "provision_state": "manageable",
                "console_enabled": False,
                "last_error": None,
                "raid_config": {},
                "target_raid_config": {},
            },
            j,
        )
    with step("power may change in maintenance"):
        do("node", "maintenance", "set", n)
        do("node", "power", "on", n)
        wait_field(n, "power_state", "power on")
        do("node", "maintenance", "unset", n)
    with step("boot device show, --supported, set"):
        subset(
            {"boot_device": "pxe", "persistent": False}, cli("node", "boot", "device", "show", n)
        )
        eq(cli("node", "boot", "device", "show", n, "--supported")["supported_boot_devices"], "pxe")
        do("node", "boot", "device", "set", n, "pxe", "--persistent")
        bad(400, "node", "boot", "device", "set", n, "disk")
    with step("boot mode and secure boot are taken (202) and the driver says no in last_error"):
        do("node", "boot", "mode", "set", n, "uefi")
        j = None
        for _ in range(50):
            j = node_get(n)
            if j["last_error"] and not j["reservation"]:
                break
            time.sleep(0.1)
        assert "boot mode" in j["last_error"], j["last_error"]
        do("node", "secure", "boot", "on", n)
        time.sleep(0.5)
        wait_field(n, "reservation", None)
        eq(req("PUT", "/v1/nodes/%s/states/boot_mode" % n, {"target": "nosuch"})[0], 400)
    with step("inject nmi is not supported by fake (400)"):
        bad(400, "node", "inject", "nmi", n)
    with step("console enable, show, disable"):
        do("node", "console", "enable", n)
        wait_field(n, "console_enabled", True)
        j = cli("node", "console", "show", n)
        eq(j["console_enabled"], True)
        do("node", "console", "disable", n)
        wait_field(n, "console_enabled", False)
        subset({"console_enabled": False, "console_info": None}, cli("node", "console", "show", n))
    with step("console with no-console is refused"):
        c2 = new_node(named("nocon"), "--console-interface", "no-console")["uuid"]
        r = run("node", "console", "enable", c2, fmt=False)
        assert r.code != 0 and "(HTTP 400)" in r.err, r.err
    with step("indicators: list"):
        c, j, _ = req("GET", "/v1/nodes/%s/management/indicators" % n)
        eq((c, {x["name"] for x in j["indicators"]}), (200, {"led-0@chassis", "led@system"}))
        eq(
            {(x["component"], x["readonly"], tuple(sorted(x["states"]))) for x in j["indicators"]},
            {("chassis", True, ("off", "on")), ("system", False, ("blinking", "off", "on"))},
        )
    with step("indicators: get and set by name@component"):
        c, j, _ = req("GET", "/v1/nodes/%s/management/indicators/led@system" % n)
        eq((c, j["state"]), (200, "on"))
        c, j, _ = req("PUT", "/v1/nodes/%s/management/indicators/led@system" % n, {"state": "off"})
        assert c in (200, 204, 400), (c, j)
        eq(req("GET", "/v1/nodes/%s/management/indicators/nosuch@system" % n)[0], 400)
        eq(req("GET", "/v1/nodes/%s/management/indicators/led" % n)[0], 400)
    with step("vendor passthru list and call"):
        v = {x["Name"]: x for x in cli("node", "passthru", "list", n)}
        eq((v["third_method_sync"]["Async"], v["second_method"]["Async"]), (False, True))
        c, j, _ = req("POST", "/v1/nodes/%s/vendor_passthru/third_method_sync" % n, {"bar": "meow"})
        eq((c, j), (200, True))
        c, j, _ = req(
            "POST", "/v1/nodes/%s/vendor_passthru?method=second_method" % n, {"bar": "kazoo"}
        )
        eq(c, 202)
        eq(req("POST", "/v1/nodes/%s/vendor_passthru/nosuch" % n, {"bar": "kazoo"})[0], 400)
        eq(req("GET", "/v1/nodes/%s/vendor_passthru/third_method_sync" % n)[0], 400)
        eq(req("POST", "/v1/nodes/%s/vendor_passthru/third_method_sync" % n, {})[0], 400)
    with step("BIOS settings: none, then a clean step sets them, then show"):
        wait_field(n, "reservation", None)
        eq(cli("node", "bios", "setting", "list", n), [])
        do(
            "node",
            "clean",
            n,
            "--clean-steps",
            json.dumps(
                [
                    {
                        "interface": "bios",
                        "step": "apply_configuration",
                        "args": {
                            "settings": [
                                {"name": "hyper", "value": "on"},
                                {"name": "virt", "value": "off"},
                            ]
                        },
                    }
                ]
            ),
        )
        wait_state(n, "manageable")
        eq(
            {x["name"]: x["value"] for x in cli("node", "bios", "setting", "list", n)},
            {"hyper": "on", "virt": "off"},
        )
        eq(cli("node", "bios", "setting", "show", n, "hyper")["value"], "on")
        bad(404, "node", "bios", "setting", "show", n, "nosuch", fmt=True)
        assert "read_only" in cli("node", "bios", "setting", "list", n, "--long")[0]
    with step("firmware list"):
        eq(cli("node", "firmware", "list", n), [])
    with step("inventory of a node never inspected in band is 404"):
        bad(404, "node", "inventory", "save", n)
    with step("history list and get"):
        h = cli("node", "history", "list", n)
        assert h and all(x["uuid"] for x in h), h
        e = cli("node", "history", "get", n, h[0]["uuid"])
        assert e["event"] and e["uuid"] == h[0]["uuid"]
        eq(req("GET", "/v1/nodes/%s/history/%s" % (n, NOWHERE))[0], 404)
