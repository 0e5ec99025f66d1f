"""Nodes that wait for a ramdisk which never calls, and for a BMC which never answers."""

import hashlib
import http.server
import re
import socket
import threading

from service import step
from session.client import (
    cli,
    do,
    eq,
    fault,
    named,
    new_node,
    node_get,
    req,
    subset,
    to_state,
    wait_state,
)


class Image(http.server.BaseHTTPRequestHandler):
    data = b"\0" * 65536

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.data)))
        self.send_header("Content-Type", "application/octet-stream")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(self.data)

    do_HEAD = do_GET

    def log_message(self, *a):
        pass


def waiting_on_the_agent():
    """direct deploy on fake-hardware: the node waits for a ramdisk that never calls."""
    n = named("wait")
    srv = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Image)
    threading.Thread(target=srv.serve_forever, daemon=True).start()
    img = "http://127.0.0.1:%d/" % srv.server_port
    new_node(
        n,
        "--deploy-interface",
        "direct",
        "--driver-info",
        "deploy_kernel=%sk" % img,
        "--driver-info",
        "deploy_ramdisk=%sr" % img,
    )
    to_state(n, "manageable")
    with step("manual clean in band waits in clean wait"):
        do(
            "node",
            "clean",
            n,
            "--clean-steps",
            '[{"interface": "deploy", "step": "erase_devices_metadata"}]',
        )
        j = wait_state(n, "clean wait")
        eq(j["target_provision_state"], "manageable")
    with step("a waiting node: lookup finds it by uuid and gives the agent token once"):
        c, j, _ = req("GET", "/v1/lookup?node_uuid=" + node_get(n)["uuid"])
        eq(c, 200)
        assert j["config"]["heartbeat_timeout"] and j["config"]["agent_token"], j
        eq(j["node"]["uuid"], node_get(n)["uuid"])
        c, j2, _ = req("GET", "/v1/lookup?node_uuid=" + node_get(n)["uuid"])
        eq(c, 200)
        assert j2["config"]["agent_token"] == "******", j2["config"]
    with step("a heartbeat with no or a wrong token is refused"):
        u = node_get(n)["uuid"]
        for body in (
            {"callback_url": "https://127.0.0.1:9", "agent_version": "9.0.0"},
            {
                "callback_url": "https://127.0.0.1:9",
                "agent_version": "9.0.0",
                "agent_token": "wrong",
            },
        ):
            c, j, _ = req("POST", "/v1/heartbeat/" + u, body)
            assert c in (400, 401, 403), (c, j)
    with step("abort in clean wait ends in clean failed, in maintenance for automated only"):
        do("node", "abort", n)
        j = wait_state(n, "clean failed")
        assert "abort" in j["last_error"].lower(), j["last_error"]
        do("node", "manage", n)
        wait_state(n, "manageable")
    with step("lookup of a node that is not waiting is 404"):
        eq(req("GET", "/v1/lookup?node_uuid=" + node_get(n)["uuid"])[0], 404)
    with step("deploy in band waits in wait call-back"):
        do(
            "node",
            "set",
            n,
            "--no-automated-clean",
            "--instance-info",
            "image_source=%simg" % img,
            "--instance-info",
            "image_checksum=" + hashlib.sha256(Image.data).hexdigest(),
            "--instance-info",
            "image_disk_format=raw",
        )
        do("node", "provide", n)
        wait_state(n, "available")
        do("node", "deploy", n)
        j = wait_state(n, ["wait call-back", "deploy failed"])
        eq(
            (j["provision_state"], j["target_provision_state"], j["last_error"]),
            ("wait call-back", "active", None),
        )
    with step("a node in wait call-back may not be deleted (409)"):
        eq(req("DELETE", "/v1/nodes/" + n)[0], 409)
    with step("abort in wait call-back ends in deploy failed"):
        do("node", "abort", n)
        j = wait_state(n, ["deploy failed", "wait call-back"])
        if j["provision_state"] == "wait call-back":
            assert j["deploy_step"].get("abort_after"), j["deploy_step"]
    with step("undeploy from there"):
        do("node", "undeploy", n)
        wait_state(n, "available")
    with step("deploy without an image is 400"):
        c, j, _ = req("PUT", "/v1/nodes/%s/states/provision" % n, {"target": "active"})
        eq(c, 400)
        assert "validate" in fault(j)["faultstring"], j
    srv.shutdown()


def locked():
    """An ipmi node whose BMC is a socket that never answers: verifying holds the lock for many seconds."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))
    n = named("lock")
    j = new_node(
        n,
        "--driver-info",
        "ipmi_address=127.0.0.1",
        "--driver-info",
        "ipmi_port=%d" % s.getsockname()[1],
        "--driver-info",
        "ipmi_username=a",
        "--driver-info",
        "ipmi_password=b",
        driver="ipmi",
    )
    u = j["uuid"]
    with step("manage of a BMC that is silent: verifying, with a reservation"):
        do("node", "manage", n)
        j = wait_state(n, "verifying", free=False)
        subset({"target_provision_state": "manageable"}, j)
        assert j["reservation"], j
    with step("locked: PATCH is 409"):
        c, j, _ = req("PATCH", "/v1/nodes/" + u, [{"op": "add", "path": "/extra/x", "value": 1}])
        eq(c, 409)
        f = fault(j)
        assert re.search(
            r"Node %s is locked by host \S+, please retry after the current operation is completed"
            % u,
            f["faultstring"],
        ), f
    with step("locked: DELETE is 409"):
        eq(req("DELETE", "/v1/nodes/" + u)[0], 409)
    with step("locked: power is 409"):
        eq(req("PUT", "/v1/nodes/%s/states/power" % u, {"target": "power on"})[0], 409)
    with step("locked: provision is 409"):
        c, j, _ = req("PUT", "/v1/nodes/%s/states/provision" % u, {"target": "manage"})
        assert c in (400, 409), c
    with step("locked: reading goes on"):
        eq(cli("node", "show", n)["uuid"], u)
    with step("the silent BMC fails verification: back to enroll with last_error"):
        j = wait_state(n, "enroll", t=240)
        assert j["last_error"], j
        eq(j["target_provision_state"], None)
    s.close()
