"""A service to be driven by real clients, and the steps that are counted."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback

passed, failed = 0, []


@contextlib.contextmanager
def step(name):
    """One line of the result; a step that fails does not hide the ones after it."""
    global passed
    started = time.monotonic()
    try:
        yield
    except Exception as error:  # whatever it is, it fails this step and no other
        failed.append(name)
        print(f"FAIL  {name}: {type(error).__name__}: {error} {where(error)}")
    else:
        passed += 1
        print(f"ok    {name} ({time.monotonic() - started:.1f} s)")


def where(error):
    """The line of the step that failed: what it wanted, when the error itself does not say."""
    steps = [at for at in traceback.extract_tb(error.__traceback__) if at.filename != __file__]
    first, last = steps[0], steps[-1]
    return f"[{os.path.basename(first.filename)}:{first.lineno}: {first.line or last.line}]"


def skip(what):
    """Says loudly what did not run."""
    line = f"SKIPPED {what}"
    print(line)
    if "CUPOLA_SKIPS" in os.environ:
        with open(os.environ["CUPOLA_SKIPS"], "a", encoding="utf-8") as skips:
            skips.write(line + "\n")


class Service:
    """A running `cupola serve` on a port that the kernel gave."""

    def __init__(self, binary, directory, drivers=("fake-hardware",), settings=()):
        self.log = open(os.path.join(directory, "serve.log"), "w", encoding="utf-8")
        self.process = subprocess.Popen(
            [binary, "serve", "--listen", "127.0.0.1:0", "--state-dir", directory,
             "--set", f"drivers.enabled={json.dumps(list(drivers))}",
             *(word for setting in settings for word in ("--set", setting))],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.url = None
        for line in self.process.stdout:
            if line.startswith("listening on "):
                self.url = line.split()[-1]
                break
        if self.url is None:
            self.log.flush()
            with open(self.log.name, encoding="utf-8") as log:
                sys.exit(f"cupola serve did not start:\n{log.read()}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


def result(name):
    """Prints how many steps passed; the exit status."""
    for step_name in failed:
        print(f"failed: {step_name}")
    print(f"test result: {'FAILED' if failed else 'ok'}. {passed} passed; {len(failed)} failed; {name}")
    return 1 if failed else 0
