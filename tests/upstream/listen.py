"""Prints what a listener of oslo.messaging hears of a message broker, a line of JSON each, until
its standard input ends. Its argument is the URL of the broker."""

import json
import sys

import oslo_messaging
from oslo_config import cfg


def heard(priority):
    def endpoint(self, context, publisher_id, event_type, payload, metadata):
        message = {
            "priority": priority,
            "publisher_id": publisher_id,
            "event_type": event_type,
            "payload": payload,
            "metadata": metadata,
        }
        print(json.dumps(message), flush=True)

    return endpoint


class Endpoint:
    info = heard("info")
    error = heard("error")


conf = cfg.ConfigOpts()
conf([])
transport = oslo_messaging.get_notification_transport(conf, url=sys.argv[1])
target = oslo_messaging.Target(topic="ironic_versioned_notifications", exchange="ironic")
listener = oslo_messaging.get_notification_listener(
    transport, [target], [Endpoint()], executor="threading"
)
# One after the other, in the order in which they come.
conf.set_override("executor_thread_pool_size", 1)
listener.start()
sys.stdin.read()
listener.stop()
listener.wait()
