"""An operator's session with `openstack baremetal`: one module a topic, one function a section. Sections
stand alone and run side by side. `cli_session.py` runs them."""
