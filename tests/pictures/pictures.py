"""Pictures of the console for docs/screens: sessions over the demo rack, told as keys, texts to wait for, and pictures.

pictures.py BINARY DIRECTORY [SESSION ...]
"""

import os
import re
import sys
import tempfile

from terminal import Terminal

REST = r"^ Cupola . 10 nodes +embedded"
CRASH_CART = ("80x24", "linux")
DESK = ("160x45", "xterm-256color")

RACK = ["--nodes", "12"]

# A step is keys, ("until", text) or ("picture", name).
until = lambda text: ("until", text)
picture = lambda name: ("picture", name)
# What the groups of a pattern match is typed later.
note = lambda pattern: ("note", pattern)
typed = lambda template: ("typed", template)
# A picture when nothing flashes any more.
calm = lambda name: ("calm", name)

SESSIONS = {
    "first": (CRASH_CART, RACK, [
        until("any key"), picture("01-first-run"), "<esc>", until(REST), calm("02-list"),
        "?", until("Esc leave"), picture("03-help"), "<esc>",
    ]),
    "find": (CRASH_CART, RACK, [
        until("any key"), "<esc>", until(REST),
        "D", until("Conductors"), calm("04-dashboard"), "<esc>",
        "/", "state:avail", until("/state:avail"), picture("05-filter"), "<esc>",
        ":group state<enter>", until("- state available"), picture("06-groups"),
        ":de", until("deploy an image"), picture("07-command-bar"), "<esc>",
        ":group none<enter>", ":columns name,state,rack,unit,class,updated<enter>", until("RACK"),
        picture("08-columns"), ":columns default<enter>", until("POWER"),
        "?", until("this help"), "/maint", until("Help: /maint_"), picture("09-help-search"),
    ]),
    "deploy": (CRASH_CART, RACK, [
        until("any key"), "<esc>", until(REST), "*", until("10 marked"), picture("10-marked"),
        "d", until("another one"), picture("11-deploy-image"), "<enter>", until("10 of 10 nodes get it"),
        picture("12-deploy-preview"), "<enter>", until("What is hit"), picture("13-preview"),
        "<enter>", until("Type 10"), picture("14-challenge"), "10", until("[Dd]eploy 10 nodes"),
        "<enter>", until("taken back|takes it back|sent in"), picture("15-grace"), until("write_image|deploying"), picture("16-run"),
        "<esc><esc><esc>", until("NAME"), "b", until("DOING"), until(r"\d+ *%|write_image"), picture("17-board"),
        until("0 running"), "<esc>", "@", until("openstack"), picture("18-commands"), "<esc>",
    ]),
    "node": (CRASH_CART, RACK, [
        until("any key"), "<esc>", until(REST), "v", until("Esc leave"), picture("20-verbs"), "<esc>",
        "p", until("Esc leave"), picture("21-power"), "<esc>", "a", until("Esc leave"), picture("22-more"), "<esc>",
        "<enter>", until("UUID"), picture("23-node"), "2", until("manage"), picture("24-node-verbs"),
        "3", until("BMC Get"), picture("25-timeline"), "5", until("driver_info"), picture("32-node-json"), "<esc>",
        "m", until("reason"), "bad fan", picture("26-maintenance"), "<esc>",
        "<space><down><space>=", until("differ|COMPARE|compare"), "a", until("driver"), picture("27-compare"), "<esc>",
        "<lt><lt><lt>", until("as of"), picture("28-time-travel"), "<esc>",
    ]),
    "desk": (DESK, RACK, [
        until("any key"), "<esc>", until(REST), "i", until("Not now"), "*", until("10 marked"), "d", until("another one"),
        "<enter>", until("10 of 10"), "<enter>", until("What is hit"), "<enter>", until("Type 10"), "10", "<enter>",
        until("accepted"), "<esc><esc><esc>", until("Usual"), until("write_image"), picture("30-desk"),
        until(r"r01u01 .* active"), "<enter>", until("UUID"), picture("31-desk-node"),
    ]),
    # The rack of broken machines deploys them by itself.
    "trouble": (CRASH_CART, ["--faults"], [
        until("any key"), "<esc>", until("15 failed"), "/failed:yes<enter>", until("of 16"), picture("40-failed"),
        "<down>i", until("To do"), picture("41-why"), "i<enter>", until("Driver"), picture("42-broken-node"),
        "4", until("logs|Logs"), "<esc>", ":node disk-fails<enter>", until("disk-fails"), "4", until(r"KiB|bytes|\.tar|\.log"),
        picture("43-logs"),
    ]),
    "enrol": (CRASH_CART, RACK, [
        until("any key"), note(r"MAC (?P<mac>[0-9a-f:]{17})"), note(r"port (?P<port>\d+)"), "<esc>", until(REST),
        "e", until("1 BMC"), typed("r01u11<tab><tab>127.0.0.1<tab><nak>{port}<tab>admin<tab>cupola"), until(r"\*\*\*"),
        picture("50-enrol-bmc"), "<f8>", until("All is well"), picture("51-enrol-test"),
        "<enter>", until("MAC 1"), typed("{mac}"), picture("52-enrol-labels"),
        "<f8>", until("Inspect it"), picture("53-enrol-properties"), "<f8>", until("Enter enrols it"),
        picture("54-enrol-review"), "<enter>", until("is available"), picture("55-enrol-card"), "<esc>", until("11 nodes"),
        ":enroll 127.0.0.1<enter>", until("[Ll]ook"), picture("56-discovery"), "<esc>",
    ]),
    "found": (CRASH_CART, RACK, [
        until("any key"), note(r"(?s)port (?P<first>\d+).*port (?P<second>\d+)"), "<esc>", until(REST), ":enroll<space>",
        typed("127.0.0.1:{first},127.0.0.1:{second}<enter>"), until("F8"), "<tab>admin<tab>cupola<f8>", until("enrol chosen"),
        "*", calm("57-discovery-found"),
    ]),
    "steps": (CRASH_CART, RACK, [
        until("any key"), "<esc>", until(REST), "<space><space>:manage<enter>", until("What is hit"), "<enter>", until("2 reached"), "R", until("HOW IT STANDS"),
        picture("19-runs"), "<esc><esc><esc>", until("SINCE"), "<up><up>:clean<enter>", until("There is no runbook"), "deploy.erase_devices_metadata",
        picture("29-clean-steps"),
    ]),
    "themes": (CRASH_CART, ["--nodes", "12", "--theme", "light"], [
        until("any key"), "<esc>", until(REST), "D", until("Conductors"), calm("70-light"),
    ]),
    "contrast": (CRASH_CART, ["--faults", "--theme", "high-contrast"], [
        until("any key"), "<esc>", until("15 failed"), calm("71-high-contrast"),
    ]),
    "serial-terminal": (("80x24", "vt220"), ["--faults", "--ascii"], [
        until("any key"), "<esc>", until("15 failed"), "i", until("To do"), calm("72-vt220-ascii"),
    ]),
    "small": (("40x10", "linux"), RACK, [
        until("any key"), "<esc>", until(r"10 nodes +embedded"), "d", until("another"), picture("73-40x10"),
    ]),
    "serial": (CRASH_CART, RACK, [
        until("any key"), "<esc>", until(REST), ":deploy<enter>", until("another one"), "<enter>", until("It gets the image"),
        "<enter>", until("Cancel"), "<tab><enter>", until("1 of 1 active"), "<esc><esc><esc>", until("NAME"), "c", until("login:"),
        calm("60-serial"),
    ]),
}


def take(name, binary, directory):
    (size, term), arguments, steps = SESSIONS[name]
    columns, rows = map(int, size.split("x"))
    with tempfile.TemporaryDirectory() as home:
        environment = {"TERM": term, "LANG": "C.UTF-8"}
        for kind in ("CONFIG", "STATE", "CACHE"):
            environment[f"XDG_{kind}_HOME"] = home
        terminal = Terminal([binary, "demo", *arguments], columns, rows, environment)
        facts = {}
        try:
            for step in steps:
                match step:
                    case ("until", pattern):
                        terminal.until(pattern)
                    case ("picture" | "calm" as kind, file):
                        if kind == "calm":
                            terminal.rest()
                        terminal.draw(os.path.join(directory, f"{file}.png"))
                        print(f"== {file}\n{terminal.text().rstrip()}\n")
                    case ("note", pattern):
                        facts |= re.search(pattern, terminal.text()).groupdict()
                    case ("typed", template):
                        terminal.press(template.format(**facts))
                    case keys:
                        terminal.press(keys)
        finally:
            terminal.close()


def main():
    binary, directory, *names = sys.argv[1:]
    for name in names or SESSIONS:
        take(name, binary, directory)


main()
