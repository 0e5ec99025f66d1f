"""What schemathesis does otherwise for `fuzz.py`: paths name what there is, most of the time."""

import json
import os

import schemathesis

with open(os.environ["CUPOLA_FUZZ_MADE"], encoding="utf-8") as file:
    MADE = json.load(file)

# Of the seven that follow each other, so many keep the text that was made up.
EVERY, KEPT = 7, 2
counter = 0


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    global counter
    if not path_parameters:
        return path_parameters
    counter += 1
    operation = context.operation
    # What is deleted once is not there for those that follow.
    is_removed = operation.method.upper() == "DELETE" and operation.path.count("/") <= 4
    if is_removed or counter % EVERY < KEPT:
        return path_parameters
    filled = dict(path_parameters)
    for name in filled:
        known = MADE.get(name)
        if known:
            filled[name] = known[counter % len(known)]
    return filled


@schemathesis.hook
def map_headers(context, headers):
    name = "x-openstack-ironic-api-version"
    if headers and name in headers and counter % EVERY >= KEPT:
        return dict(headers, **{name: "latest"})
    return headers
