"""The life of a node, driven by the real `openstack baremetal` client against `cupola serve`.

Each step is a command of the client, as an operator types it. A second connection follows the event
stream all the while; at the end it must have seen the same life.
"""

import contextlib
import json
import os
import re
import sys
import tempfile
import threading
import time
import urllib.request

from openstackclient import shell

from service import Service, result, step
from session import client

NODE = "life-1"
MAC = "52:54:00:c0:ff:ee"
PASSWORD = "correct-horse"
DEADLINE = 60


class Watcher(threading.Thread):
    """Follows the event stream as a remote console does."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.stream = urllib.request.urlopen(f"{url}/cupola/v1/events", timeout=DEADLINE * 5)
        self.transitions, self.missed, self.names = [], 0, set()

    def run(self):
        kind = None
        with contextlib.suppress(OSError, ValueError):
            for raw in self.stream:
                line = raw.decode().rstrip("\n")
                if line.startswith("event: "):
                    kind = line[len("event: "):]
                elif line.startswith("data: ") and kind == "missed":
                    self.missed += 1
                elif line.startswith("data: ") and kind == "event":
                    self.take(json.loads(line[len("data: "):]))

    def take(self, event):
        if event["type"] == "transition":
            self.transitions.append(event["to"])
        elif event["type"] == "node_changed":
            self.names.add(event["summary"]["name"])


class Done:
    """What a command of the client gave."""

    def __init__(self, returncode, stdout, stderr):
        self.returncode, self.stdout, self.stderr = returncode, stdout, stderr


def run(url, *words):
    """One command, in a process of its own that has the client's modules loaded already."""
    argv = ["--os-auth-type", "none", "--os-endpoint", url, "baremetal", *words]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            code = 1
            try:
                code = shell.main(argv)
            except SystemExit as left:
                code = left.code
            except BaseException as error:  # nothing of the child may run the parent's steps
                print(repr(error), file=sys.stderr)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(int(code or 0))
        _, status = os.waitpid(child, 0)
        out.seek(0)
        err.seek(0)
        return Done(os.waitstatus_to_exitcode(status), out.read().decode(), err.read().decode())


def column(rows, name):
    """One column of a list. Releases of the client differ in how they write its head."""
    wanted = name.lower().replace(" ", "_")
    return [value for row in rows for head, value in row.items()
            if head.lower().replace(" ", "_") == wanted]


def do(url, *words):
    """A command that must succeed."""
    done = run(url, *words)
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr.strip()[-400:]}"
    return done.stdout


def show(url, *words):
    """A command that must succeed, and what it shows."""
    return json.loads(do(url, *words, "-f", "json"))


def refused(url, status, text, *words):
    """A command that the service must refuse."""
    done = run(url, *words)
    assert done.returncode != 0, f"was accepted: {done.stdout[:200]}"
    assert f"(HTTP {status})" in done.stderr, f"not HTTP {status}: {done.stderr.strip()[-400:]}"
    assert re.search(text, done.stderr), f"no {text!r} in: {done.stderr.strip()[-400:]}"


def same(got, want):
    assert got == want, f"got {got!r}, want {want!r}"


def state(url):
    return show(url, "node", "show", NODE, "--fields", "provision_state")["provision_state"]


def until(url, field, want):
    """Waits until a field of the node has this value."""
    end = time.monotonic() + DEADLINE
    while True:
        got = show(url, "node", "show", NODE, "--fields", field)[field]
        if got == want:
            return
        assert time.monotonic() < end, f"{field} stays {got!r}, want {want!r}"
        time.sleep(0.5)


def enrol(url):
    with step("driver list"):
        same([list(row.values())[0] for row in show(url, "driver", "list")], ["fake-hardware"])
    with step("conductor list"):
        same(column(show(url, "conductor", "list"), "alive"), [True])
    with step("node create"):
        node = show(url, "node", "create", "--driver", "fake-hardware", "--name", NODE,
                    "--driver-info", "ipmi_address=192.0.2.1",
                    "--driver-info", f"ipmi_password={PASSWORD}",
                    "--property", "cpu_arch=x86_64", "--resource-class", "baremetal")
        same(node["provision_state"], "enroll")
        same(node["driver_info"]["ipmi_password"], "******")
    with step("node create with a name that is taken is refused"):
        refused(url, 409, f"A node with name {NODE} already exists", "node", "create",
                "--driver", "fake-hardware", "--name", NODE)
    with step("port create, list and show"):
        uuid = show(url, "node", "show", NODE)["uuid"]
        port = show(url, "port", "create", MAC, "--node", uuid)
        same(port["address"], MAC)
        same(column(show(url, "port", "list", "--node", NODE), "address"), [MAC])
        same(show(url, "port", "show", port["uuid"])["node_uuid"], uuid)
    with step("node show with all fields hides the password"):
        text = do(url, "node", "show", NODE, "-f", "json")
        assert PASSWORD not in text and json.loads(text)["power_interface"]
    with step("node show with some fields, node list with some fields and filters"):
        same(set(show(url, "node", "show", NODE, "--fields", "name", "driver")), {"name", "driver"})
        rows = show(url, "node", "list", "--driver", "fake-hardware", "--fields", "name")
        same(column(rows, "name"), [NODE])
        same(show(url, "node", "list", "--provision-state", "active"), [])
    with step("node set and unset"):
        do(url, "node", "set", NODE, "--extra", "rack=r1", "--property", "memory_mb=4096")
        same(show(url, "node", "show", NODE)["extra"], {"rack": "r1"})
        do(url, "node", "unset", NODE, "--extra", "rack")
        same(show(url, "node", "show", NODE)["extra"], {})
    with step("traits"):
        do(url, "node", "add", "trait", NODE, "CUSTOM_FAST")
        same(column(show(url, "node", "trait", "list", NODE), "traits"), ["CUSTOM_FAST"])


def provision(url):
    with step("provide from enroll is refused"):
        refused(url, 400, 'requested action "provide" can not be performed', "node", "provide", NODE)
    with step("manage --wait"):
        do(url, "node", "manage", NODE, "--wait", str(DEADLINE))
        same(state(url), "manageable")
    with step("validate"):
        rows = show(url, "node", "validate", NODE)
        same(dict(zip(column(rows, "interface"), column(rows, "result")))["power"], True)
    with step("power on, off and reboot"):
        do(url, "node", "power", "on", NODE)
        until(url, "power_state", "power on")
        do(url, "node", "reboot", NODE)
        until(url, "target_power_state", None)
        do(url, "node", "power", "off", NODE)
        until(url, "power_state", "power off")
    with step("boot device"):
        devices = show(url, "node", "boot", "device", "show", NODE, "--supported")
        assert "pxe" in str(devices), devices
        do(url, "node", "boot", "device", "set", NODE, "pxe", "--persistent")
        same(show(url, "node", "boot", "device", "show", NODE)["boot_device"], "pxe")
    with step("provide --wait"):
        do(url, "node", "provide", NODE, "--wait", str(DEADLINE))
        same(state(url), "available")
    with step("maintenance set, deploy refused, unset"):
        do(url, "node", "maintenance", "set", NODE, "--reason", "new disk")
        same(show(url, "node", "show", NODE)["maintenance_reason"], "new disk")
        refused(url, 400, "maintenance mode", "node", "deploy", NODE)
        do(url, "node", "maintenance", "unset", NODE)
        same(show(url, "node", "show", NODE)["maintenance_reason"], None)
    with step("deploy --wait"):
        do(url, "node", "set", NODE, "--instance-info", "image_source=http://192.0.2.1/image.raw",
           "--instance-info", f"image_checksum={'0' * 64}", "--instance-info", "root_gb=10")
        do(url, "node", "deploy", NODE, "--wait", str(DEADLINE))
        same(state(url), "active")
    with step("an active node cannot be deleted"):
        refused(url, 409, "while it is in provision state", "node", "delete", NODE)
    with step("rebuild --wait"):
        do(url, "node", "rebuild", NODE, "--wait", str(DEADLINE))
        same(state(url), "active")
    with step("undeploy --wait"):
        do(url, "node", "undeploy", NODE, "--wait", str(DEADLINE))
        same(state(url), "available")
        same(show(url, "node", "show", NODE)["instance_info"], {})
    with step("history list"):
        show(url, "node", "history", "list", NODE)


def clean_by_hand(url):
    """From available over manageable and back: steps, a hold, what is refused."""
    def steps(*names, **args):
        return json.dumps([{"interface": i, "step": s, **args} for i, s in names])

    with step("manage from available"):
        do(url, "node", "manage", NODE, "--wait", str(DEADLINE))
    with step("manual clean --wait ends manageable"):
        do(url, "node", "clean", NODE, "--wait", str(DEADLINE), "--clean-steps",
           steps(("bios", "factory_reset"), ("power", "reboot")))
        same(state(url), "manageable")
        same(show(url, "node", "show", NODE)["last_error"], None)
    with step("a clean step without its argument is refused"):
        refused(url, 400, "needs the argument settings", "node", "clean", NODE, "--clean-steps",
                steps(("bios", "apply_configuration")))
    with step("clean, hold and unhold"):
        do(url, "node", "clean", NODE, "--clean-steps",
           steps(("power", "hold"), ("bios", "factory_reset")))
        until(url, "provision_state", "clean hold")
        do(url, "node", "unhold", NODE)
        until(url, "provision_state", "manageable")
    with step("provide after manual cleaning"):
        do(url, "node", "provide", NODE, "--wait", str(DEADLINE))


def deploy_by_template(url):
    """A template with a trait of the node's; then a rescue of what it deployed."""
    steps = [{"interface": "bios", "step": "apply_configuration", "priority": 150,
              "args": {"settings": [{"name": "a", "value": "b"}]}}]
    with step("deploy template create, list, show and set"):
        made = show(url, "deploy", "template", "create", "CUSTOM_FAST",
                    "--steps", json.dumps(steps))
        same(made["steps"], steps)
        same(column(show(url, "deploy", "template", "list"), "name"), ["CUSTOM_FAST"])
        do(url, "deploy", "template", "set", "CUSTOM_FAST", "--extra", "by=me")
        same(show(url, "deploy", "template", "show", "CUSTOM_FAST")["extra"], {"by": "me"})
    with step("a template whose name is no trait is refused"):
        refused(url, 400, "CUSTOM_", "deploy", "template", "create", "fast",
                "--steps", json.dumps(steps))
    with step("deploy by template"):
        do(url, "node", "set", NODE, "--rescue-interface", "fake",
           "--instance-info", 'traits=["CUSTOM_FAST"]')
        do(url, "node", "deploy", NODE, "--wait", str(DEADLINE))
        uuid = show(url, "node", "show", NODE)["uuid"]
        with urllib.request.urlopen(f"{url}/cupola/v1/nodes/{uuid}/timeline") as answer:
            ran = [event.get("step") for event in json.load(answer)["events"]
                   if event["type"] == "step_finished"]
        assert "bios.apply_configuration" in ran, ran
    with step("rescue --wait and unrescue --wait"):
        do(url, "node", "rescue", NODE, "--wait", str(DEADLINE), "--rescue-password", PASSWORD)
        same(state(url), "rescue")
        assert PASSWORD not in do(url, "node", "show", NODE, "-f", "json")
        do(url, "node", "unrescue", NODE, "--wait", str(DEADLINE))
        same(state(url), "active")
    with step("undeploy and delete the template"):
        do(url, "node", "undeploy", NODE, "--wait", str(DEADLINE))
        do(url, "deploy", "template", "delete", "CUSTOM_FAST")
        same(show(url, "deploy", "template", "list"), [])


def leave(url, watcher):
    with step("node delete takes its port along"):
        do(url, "node", "delete", NODE)
        same(show(url, "port", "list"), [])
        refused(url, 404, f"Node {NODE} could not be found", "node", "show", NODE)
    with step("another connection saw the same life"):
        same(watcher.missed, 0)
        assert NODE in watcher.names, watcher.names
        places = iter(watcher.transitions)
        for want in ["verifying", "manageable", "cleaning", "available", "deploying", "active",
                     "deploying", "active", "deleting", "cleaning", "available"]:
            assert want in places, f"{want} is missing in {watcher.transitions}"


def main(binary):
    for name in [name for name in os.environ if name.startswith("OS_")]:
        del os.environ[name]  # nobody's own cloud is spoken to
    client.warm_up()
    with tempfile.TemporaryDirectory() as directory:
        service = Service(binary, directory)
        try:
            watcher = Watcher(service.url)
            watcher.start()
            enrol(service.url)
            provision(service.url)
            clean_by_hand(service.url)
            deploy_by_template(service.url)
            leave(service.url, watcher)
        finally:
            with step("the service stops when it is told to"):
                same(service.stop(), 0)
    return result("openstack baremetal")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
