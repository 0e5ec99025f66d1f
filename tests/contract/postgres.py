"""A private PostgreSQL server on a Unix socket in a directory of its own."""

import os
import pathlib
import pwd
import signal
import subprocess
import tempfile
import time


class NotInstalled(Exception):
    """There is no PostgreSQL on this host."""


def programs():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise NotInstalled("PostgreSQL is not installed: apt-get install postgresql")
    return found[-1].parent


class Postgres:
    """The server, from `with` on to its end."""

    def __init__(self):
        self.programs = programs()
        self.directory = tempfile.TemporaryDirectory(prefix="cupola-pg-")
        self.server = None

    def __enter__(self):
        directory = self.directory.name
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            user = pwd.getpwnam("postgres")
            os.chown(directory, user.pw_uid, user.pw_gid)
        data = os.path.join(directory, "data")
        self.run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                 "--locale", "C", "--no-sync")
        self.server = subprocess.Popen(
            self.command("postgres", "-D", data, "-k", directory, "-c", "listen_addresses=",
                         "-c", "shared_buffers=16MB", "-c", "fsync=off"),
            cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while subprocess.run(self.command("pg_isready", "-q", "-h", directory), cwd=directory,
                             check=False).returncode:
            if time.monotonic() > end or self.server.poll() is not None:
                raise RuntimeError("the PostgreSQL server does not answer")
            time.sleep(0.05)  # asking is the only way to know
        return self

    def __exit__(self, *_):
        if self.server:
            self.server.send_signal(signal.SIGINT)
            self.server.wait(timeout=60)
        self.directory.cleanup()

    def create_database(self, name):
        """Makes a database; its URL."""
        directory = self.directory.name
        self.run("createdb", "-h", directory, "-U", "postgres", name)
        return f"postgres://postgres@localhost/{name}?host={directory}"

    def command(self, program, *arguments):
        words = [str(self.programs / program), *arguments]
        if os.geteuid() == 0:
            words = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
                     "--pdeathsig", "INT", "--", *words]
        return words

    def run(self, program, *arguments):
        subprocess.run(self.command(program, *arguments), cwd=self.directory.name, check=True,
                       capture_output=True)
