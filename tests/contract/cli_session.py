"""An operator's session with the real `openstack baremetal` client against `cupola serve`, on SQLite
and on PostgreSQL. Each step tells what was wanted when it fails.

    cli_session.py BINARY [--database sqlite|postgres] [--only SECTION] [--jobs N]

Sections stand alone: N of them run at a time, each in a process of its own, with nodes and names of
its own.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
import traceback

import service
from postgres import NotInstalled, Postgres
from service import Service, step
from session import (client, discovery, hardware, lists, nodes, patches, ports, provisioning,
                     resources, waiting)

# The longest first: what is started last should not be what ends last.
SECTIONS = [
    provisioning.provisioning,
    nodes.node_crud,
    waiting.locked,
    lists.node_list,
    ports.ports,
    hardware.power_and_boot,
    resources.chassis_volumes_traits,
    resources.templates_runbooks_rules,
    waiting.waiting_on_the_agent,
    discovery.discovery,
    discovery.drivers,
    patches.node_patch,
]
# A BMC that never answers holds its node for so long: enough for the steps that find it locked.
SETTINGS = ["ipmi.command_retry_timeout=15"]


class Section:
    """One section on one database, in a process of its own."""

    def __init__(self, database, url, function):
        self.name = f"{function.__name__} on {database}"
        self.printed = tempfile.TemporaryFile()
        self.outcome = tempfile.TemporaryFile()
        sys.stdout.flush()
        self.process = os.fork()
        if self.process == 0:
            self.play(url, function)

    def play(self, url, function):
        """What the process does; it does not come back."""
        os.dup2(self.printed.fileno(), 1)
        os.dup2(self.printed.fileno(), 2)
        try:
            service.passed, service.failed = 0, []
            client.connect(url)
            try:
                function()
            except Exception as error:  # the steps after it did not run: that is a failure
                traceback.print_exc()
                with step(f"{self.name} runs to its end"):
                    raise AssertionError(repr(error)) from error
            with step(f"everything that {function.__name__} made is gone"):
                client.eq(client.remove_all(), [])
            text = json.dumps({"passed": service.passed, "failed": service.failed})
            self.outcome.write(text.encode())
            self.outcome.flush()
            sys.stdout.flush()
        finally:
            os._exit(0)

    def end(self):
        """Prints what it printed, and adds what it found."""
        self.printed.seek(0)
        print(f"## {self.name}")
        print(self.printed.read().decode(), end="")
        self.outcome.seek(0)
        try:
            outcome = json.loads(self.outcome.read())
        except ValueError:
            service.failed.append(f"{self.name} ended without a result")
            return
        service.passed += outcome["passed"]
        service.failed += [f"{name} ({self.name})" for name in outcome["failed"]]


def play(places, sections, jobs):
    """Runs every section at every place."""
    waiting_list = [(database, url, section) for section in sections for database, url in places]
    running = {}
    while waiting_list or running:
        while waiting_list and len(running) < jobs:
            section = Section(*waiting_list.pop(0))
            running[section.process] = section
        process, _ = os.wait()
        if process in running:
            running.pop(process).end()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("binary")
    arguments.add_argument("--database", choices=["sqlite", "postgres"])
    arguments.add_argument("--only")
    arguments.add_argument("--jobs", type=int, default=6)
    given = arguments.parse_args()
    for name in [name for name in os.environ if name.startswith("OS_")]:
        del os.environ[name]  # nobody's own cloud is spoken to
    sections = [s for s in SECTIONS if given.only in (None, s.__name__)]
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        places, services = [], []

        def serve(database, *settings):
            directory = stack.enter_context(tempfile.TemporaryDirectory())
            running = Service(given.binary, directory, ["fake-hardware", "ipmi"],
                              [*SETTINGS, *settings])
            services.append(running)
            stack.callback(running.stop)
            places.append((database, running.url))

        if given.database != "postgres":
            serve("sqlite")
        if given.database != "sqlite":
            try:
                cluster = stack.enter_context(Postgres())
                serve("postgres", f'database.url="{cluster.create_database("cupola")}"')
            except NotInstalled as reason:
                service.skip(f"the session of the openstack client on PostgreSQL: {reason}")
        client.warm_up()
        play(places, sections, given.jobs)
        print(f"## took {time.monotonic() - began:.0f} s")
    return service.result("openstack baremetal, an operator's session")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
