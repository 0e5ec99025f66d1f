"""Serves Keystone's application: the configuration is in OS_KEYSTONE_CONFIG_FILES, the port in KEYSTONE_PORT (0 takes
a free one). Prints the port and serves until it is killed."""

import os

from keystone.server.wsgi import initialize_public_application
from waitress import create_server

port = int(os.environ.pop("KEYSTONE_PORT"))
server = create_server(initialize_public_application(), host="127.0.0.1", port=port, threads=4)
print(server.effective_port, flush=True)
server.run()
