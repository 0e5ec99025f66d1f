"""Fuzzes `cupola serve` with schemathesis by the OpenAPI document that it serves.

A node, a port and one of each other resource are made first, and paths are filled with what there is
(see `fuzz_hooks.py`), so that requests reach more than the refusal of an unknown identifier.
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import urllib.request

from service import Service

# What is not fuzzed, and why.
EXCLUDED = {
    "/cupola/v1/events": "a stream: its answer does not end",
    "/cupola/v1/nodes/{node}/serial": "a stream, and fake hardware has no serial port",
    "/cupola/v1/nodes/{node}/logs/{log}": "an archive, and there is none on fake hardware",
}

# Not among them: those that ask for refusals of what the API takes on purpose, such as words for
# booleans, and those that want credentials.
CHECKS = [
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_headers_conformance", "response_schema_conformance", "unsupported_method",
    "allow_header_conformance",
]

SEED = 39
HERE = os.path.dirname(os.path.abspath(__file__))


def call(url, method, path, body=None):
    request = urllib.request.Request(
        url + path, method=method, data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "X-OpenStack-Ironic-API-Version": "latest"})
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def prepare(url):
    """One of each resource; what stands for it in paths, by the names that the document has."""
    step = {"interface": "deploy", "step": "deploy", "args": {}}
    node = call(url, "POST", "/v1/nodes", {"driver": "fake-hardware", "name": "fuzzed"})["uuid"]
    other = call(url, "POST", "/v1/nodes", {"driver": "fake-hardware"})["uuid"]
    group = call(url, "POST", "/v1/portgroups", {"node_uuid": node, "name": "bond"})["uuid"]
    port = call(url, "POST", "/v1/ports", {"node_uuid": node, "address": "52:54:00:00:00:01"})["uuid"]
    made = {
        "node": [node, other],
        "port": [port],
        "portgroup": [group],
        "group": [group],
        "chassis": [call(url, "POST", "/v1/chassis", {})["uuid"]],
        "connector": [call(url, "POST", "/v1/volume/connectors", {
            "node_uuid": node, "type": "iqn", "connector_id": "iqn.2026-01.test:1"})["uuid"]],
        "target": [call(url, "POST", "/v1/volume/targets", {
            "node_uuid": node, "volume_type": "iscsi", "volume_id": "v", "boot_index": 0})["uuid"]],
        "allocation": [call(url, "POST", "/v1/allocations", {"resource_class": "none"})["uuid"]],
        "template": [call(url, "POST", "/v1/deploy_templates", {
            "name": "CUSTOM_T", "steps": [dict(step, priority=1)]})["uuid"]],
        "runbook": [call(url, "POST", "/v1/runbooks", {
            "name": "CUSTOM_R", "steps": [dict(step, order=1)]})["uuid"]],
        "rule": [call(url, "POST", "/v1/inspection_rules", {
            "actions": [{"op": "fail", "args": {"msg": "x"}}]})["uuid"]],
        "driver": ["fake-hardware"],
        "hostname": [call(url, "GET", "/v1/conductors")["conductors"][0]["hostname"]],
        "trait": ["CUSTOM_A", "CUSTOM_B"],
        "indicator": ["led-0@chassis"],
        "method": ["first_method", "second_method", "third_method_sync"],
        "vif": ["vif-1"],
    }
    call(url, "PUT", f"/v1/nodes/{node}/traits/CUSTOM_A")
    return made


def answered(url):
    """How many answers of each class the service gave: a run of 404s alone would have found nothing."""
    with urllib.request.urlopen(url + "/metrics") as answer:
        lines = answer.read().decode().splitlines()
    counts = {}
    for line in lines:
        found = re.match(r'cupola_api_requests_total\{.*status="(\d)\d\d".*\} (\d+)', line)
        if found:
            name = found[1] + "xx"
            counts[name] = counts.get(name, 0) + int(found[2])
    return counts


def main():
    binary, length = sys.argv[1], (sys.argv[2:] or [""])[0]
    is_long = length == "long"
    seed = int(os.environ.get("CUPOLA_FUZZ_SEED", random.randrange(1 << 32) if is_long else SEED))
    with tempfile.TemporaryDirectory() as directory:
        service = Service(binary, directory)
        try:
            made = os.path.join(directory, "made.json")
            with open(made, "w", encoding="utf-8") as file:
                json.dump(prepare(service.url), file)
            command = [
                os.path.join(os.path.dirname(sys.executable), "schemathesis"), "run",
                service.url + "/cupola/v1/openapi.json",
                "--checks", ",".join(CHECKS), "--seed", str(seed), "--no-shrink",
                "--continue-on-failure", "--request-timeout", "30", "--warnings", "off",
                "--phases", "coverage,fuzzing", "--max-examples", "2000" if is_long else "6",
            ]
            if is_long:
                command += ["--max-time", "3600"]
            for path in EXCLUDED:
                command += ["--exclude-path", path]
            environment = dict(os.environ, CUPOLA_FUZZ_MADE=made, PYTHONPATH=HERE,
                               SCHEMATHESIS_HOOKS="fuzz_hooks", HYPOTHESIS_STORAGE_DIRECTORY=directory)
            print(f"fuzzing with seed {seed}")
            status = subprocess.run(command, env=environment, cwd=directory, check=False).returncode
            print(f"answered: {answered(service.url)}")
        finally:
            ended = service.stop()
    failed = status != 0 or ended != 0
    print(f"test result: {'FAILED' if failed else 'ok'}. {0 if failed else 1} passed; "
          f"{1 if failed else 0} failed; fuzz")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
