//! Wire types of the ironic-python-agent protocol, shared by the conductor and the agent.
