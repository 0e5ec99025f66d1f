"""What the sections of the session ask with: the `openstack baremetal` command, plain requests where
the command cannot say it, waits, and what was made on the way."""

import contextlib
import importlib
import io
import json
import os
import random
import re
import sys
import tempfile
import time
import urllib.error
import urllib.request

from openstackclient import shell

NOWHERE = "ffffffff-ffff-4fff-8fff-ffffffffffff"
DEADLINE = 60

base = None
MADE = []  # (collection, identifier): removed in the opposite order
_tag = f"cli{random.randrange(1 << 24):06x}"


def connect(url):
    """Which service is spoken to. Names are new for each process: sections run side by side."""
    global base, _tag
    base = url.rstrip("/")
    _tag = f"cli{random.SystemRandom().randrange(1 << 24):06x}"


def warm_up():
    """Loads the client's modules, so that commands forked from this process need not: that is five
    sixths of their time. No client is made, for the shell would keep it."""
    importlib.import_module("ironicclient.v1.client")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        shell.main(["baremetal", "node", "list", "--help"])


def tag():
    """What all names of this process begin with."""
    return _tag


def named(name):
    return f"{_tag}-{name}"


def mac(index):
    """A MAC address that no other process uses."""
    middle = ":".join(_tag[at:at + 2] for at in (3, 5, 7))
    return f"52:54:{middle}:{index:02x}"


class Done:
    """What a command gave."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


def run(*words, fmt=True, api=None):
    """A command in a process of its own; with `fmt` it is asked for JSON."""
    argv = ["--os-auth-type", "none", "--os-endpoint", base]
    if api:
        argv += ["--os-baremetal-api-version", api]
    argv += ["baremetal", *map(str, words)]
    if fmt:
        argv += ["-f", "json"]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            code = 99
            try:
                sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
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


def cli(*words, **kwargs):
    """A command that must succeed, and what it shows."""
    done = run(*words, **kwargs)
    assert done.code == 0, f"exit {done.code}: {done.err.strip()[-400:]}"
    return json.loads(done.out)


def do(*words, **kwargs):
    """A command that must succeed and shows nothing of interest."""
    done = run(*words, fmt=False, **kwargs)
    assert done.code == 0, f"exit {done.code}: {done.err.strip()[-400:]}"
    return done.out


def bad(status, *words, text=None, fmt=False, **kwargs):
    """A command that must be refused with that HTTP status."""
    done = run(*words, fmt=fmt, **kwargs)
    assert done.code != 0, f"wanted HTTP {status}, was accepted: {done.out[:200]}"
    seen = done.err.strip()[-400:]
    assert f"(HTTP {status})" in done.err, f"wanted HTTP {status}, got: {seen}"
    if text:
        assert re.search(text, done.err), f"wanted {text!r} in: {seen}"
    return done


def req(method, path, body=None, ver="latest", headers=None, data=None):
    """A plain request: its status, its body as JSON where it is JSON, its headers."""
    sent = {"Accept": "application/json"}
    if ver:
        sent["X-OpenStack-Ironic-API-Version"] = ver
    if body is not None:
        data = json.dumps(body).encode()
    if data is not None:
        sent["Content-Type"] = "application/json"
    sent.update(headers or {})
    request = urllib.request.Request(base + path, data=data, method=method, headers=sent)
    try:
        answer = urllib.request.urlopen(request, timeout=90)
    except urllib.error.HTTPError as error:
        answer = error
    text = answer.read().decode()
    try:
        parsed = json.loads(text) if text else None
    except ValueError:
        parsed = text
    return answer.status, parsed, answer.headers


def fault(body):
    """The fault of an error: its message is a JSON text within the JSON."""
    message = body["error_message"]
    assert isinstance(message, str), f"wanted a text as error_message, got {type(message)}"
    found = json.loads(message)
    assert {"faultcode", "faultstring"} <= set(found), f"wanted a fault, got {found}"
    return found


def eq(got, want):
    assert got == want, f"wanted {want!r}, got {got!r}"


def subset(want, got):
    """Each of these members is there, and is so."""
    for name, value in want.items():
        assert name in got, f"wanted {name!r}, there are {sorted(got)}"
        assert got[name] == value, f"{name}: wanted {value!r}, got {got[name]!r}"


def node_get(node):
    status, body, _ = req("GET", "/v1/nodes/" + node)
    eq(status, 200)
    return body


def wait_state(node, want, t=DEADLINE, free=True):
    """Waits until the node is in one of these states, and nobody holds it."""
    want = [want] if isinstance(want, str) else want
    end = time.monotonic() + t
    while True:
        now = node_get(node)
        if now["provision_state"] in want and not (free and now["reservation"]):
            return now
        assert time.monotonic() < end, (
            f"wanted {want}, is {now['provision_state']!r} with target "
            f"{now['target_provision_state']!r}, held by {now['reservation']!r}: "
            f"{now['last_error']!r}")
        time.sleep(0.1)


def wait_field(node, field, want, t=DEADLINE):
    end = time.monotonic() + t
    while True:
        now = node_get(node)
        if now[field] == want:
            return now
        assert time.monotonic() < end, f"{field}: wanted {want!r}, is {now[field]!r}"
        time.sleep(0.1)


def decided(allocation):
    """Waits until the service has decided about an allocation."""
    end = time.monotonic() + DEADLINE
    while True:
        now = cli("allocation", "show", allocation)
        if now["state"] != "allocating" or time.monotonic() > end:
            return now
        time.sleep(0.1)


def made(collection, ident):
    MADE.append((collection, ident))
    return ident


def new_node(name, *options, driver="fake-hardware"):
    node = cli("node", "create", "--driver", driver, "--name", name, *options)
    made("nodes", node["uuid"])
    return node


def to_state(name, state):
    """From enroll over manageable and available to active, by the command."""
    path = ["enroll", "manageable", "available", "active"]
    verb = {"manageable": "manage", "available": "provide", "active": "deploy"}
    now = node_get(name)["provision_state"]
    for next_state in path[path.index(now) + 1:path.index(state) + 1]:
        do("node", verb[next_state], name)
        wait_state(name, next_state)


def remove_all():
    """Removes what was made; what could not be removed."""
    left = []
    for collection, ident in reversed(MADE):
        if collection == "nodes":
            status, node, _ = req("GET", "/v1/nodes/" + ident)
            if status != 200:
                continue
            if node["provision_state"] not in ("enroll", "manageable", "available", "adopt failed"):
                req("PUT", f"/v1/nodes/{ident}/maintenance", {"reason": "the session ends"})
            if node["instance_uuid"]:
                req("PATCH", "/v1/nodes/" + ident, [{"op": "remove", "path": "/instance_uuid"}])
        status = req("DELETE", f"/v1/{collection}/{ident}")[0]
        if status not in (200, 204, 404):
            left.append((collection, ident, status))
    return left
