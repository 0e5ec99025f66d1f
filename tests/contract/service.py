"""A service to be driven by real clients, and the steps that are counted."""

import contextlib
import os
import signal
import subprocess
import sys
import time

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
        print(f"FAIL  {name}: {type(error).__name__}: {error}")
    else:
        passed += 1
        print(f"ok    {name} ({time.monotonic() - started:.1f} s)")


class Service:
    """A running `cupola serve` on a port that the kernel gave."""

    def __init__(self, binary, directory):
        self.log = open(os.path.join(directory, "serve.log"), "w", encoding="utf-8")
        self.process = subprocess.Popen(
            [binary, "serve", "--listen", "127.0.0.1:0", "--state-dir", directory,
             "--set", 'drivers.enabled=["fake-hardware"]'],
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
