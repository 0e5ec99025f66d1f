"""Every method of openstacksdk's bare-metal proxy against `cupola serve`, at the oldest and the newest
microversion that it can speak.

The methods are listed from the library itself: one that no case here calls is a failure, so that a
new release of the library brings its new methods along.
"""

import os
import sys
import tempfile

import openstack
from openstack import exceptions
from openstack.baremetal.v1 import _proxy
from openstack.config import OpenStackConfig

from service import Service, result, step

NEWEST = "1.115"
DEADLINE = 60
TRAIT, OTHER_TRAIT = "CUSTOM_SDK", "CUSTOM_SDK_2"
STEPS = [{"interface": "bios", "step": "apply_configuration", "priority": 150,
          "args": {"settings": [{"name": "a", "value": "b"}]}}]

worked = set()


class Calls:
    """The proxy, with a note of what came back well."""

    def __init__(self, proxy):
        self.proxy = proxy

    def __getattr__(self, name):
        method = getattr(self.proxy, name)

        def call(*args, **kwargs):
            answer = method(*args, **kwargs)
            if hasattr(answer, "__next__"):
                answer = list(answer)  # a list is asked for when it is read
            worked.add(name)
            return answer
        return call


def connect(url, version):
    clouds = OpenStackConfig(load_yaml_config=False, load_envvars=False)
    cloud = clouds.get_one(auth_type="none", baremetal_endpoint_override=url,
                           baremetal_api_version="1", baremetal_default_microversion=version)
    return Calls(openstack.connection.Connection(config=cloud).baremetal)


def refused(status, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except exceptions.HttpException as error:
        assert error.status_code == status, f"{error.status_code}: {error}"
    else:
        raise AssertionError("was accepted")


def names(resources):
    return {resource.id for resource in resources}


def fresh(b, **attrs):
    return b.create_node(driver="fake-hardware", **attrs)


def available(b, **attrs):
    node = fresh(b, resource_class="sdk", **attrs)
    b.set_node_provision_state(node, "manage", wait=True, timeout=DEADLINE)
    b.set_node_provision_state(node, "provide", wait=True, timeout=DEADLINE)
    # A node whose power is not known is given to nobody.
    b.set_node_power_state(node, "power off", wait=True, timeout=DEADLINE)
    return node


# One function a resource; beside it the oldest version at which the library can drive all of it.
CASES = []


def case(oldest):
    def add(function):
        CASES.append((function, oldest))
        return function
    return add


@case("1.1")
def chassis(b):
    made = b.create_chassis(description="row 1", extra={"a": 1})
    assert made.id in names(b.chassis()) and made.id in names(b.chassis(details=True))
    assert b.find_chassis(made.id).description == "row 1"
    assert b.get_chassis(made.id).extra == {"a": 1}
    assert b.update_chassis(made.id, description="row 2").description == "row 2"
    patch = [{"op": "replace", "path": "/description", "value": "row 3"}]
    assert b.patch_chassis(made, patch).description == "row 3"
    b.delete_chassis(made)
    assert b.find_chassis(made.id) is None


@case("1.1")
def drivers(b):
    assert "fake-hardware" in {driver.name for driver in b.drivers()}
    assert b.get_driver("fake-hardware").hosts
    refused(404, b.get_driver, "nothing")


@case("1.1")
def driver_vendor(b):
    b.list_driver_vendor_passthru("fake-hardware")
    refused(400, b.call_driver_vendor_passthru, "fake-hardware", "GET", "nothing")


@case("1.49")
def conductors(b):
    first = b.conductors()[0]
    assert b.conductors(details=True)[0].hostname == first.hostname
    assert b.get_conductor(first.hostname).alive


@case("1.11")
def nodes(b):
    node = fresh(b, name="sdk-1", extra={"rack": "r1"})
    assert node.id in names(b.nodes()) and node.id in names(b.nodes(details=True))
    assert b.find_node("sdk-1").id == node.id and b.find_node("sdk-0") is None
    assert b.get_node(node.id, fields=["uuid", "extra"]).extra == {"rack": "r1"}
    assert b.update_node(node, extra={"rack": "r2"}).extra == {"rack": "r2"}
    patch = [{"op": "add", "path": "/extra/slot", "value": 3}]
    assert b.patch_node(node, patch).extra == {"rack": "r2", "slot": 3}
    b.set_node_maintenance(node, "new disk")
    assert b.get_node(node.id).maintenance_reason == "new disk"
    b.unset_node_maintenance(node)
    assert not b.get_node(node.id).is_maintenance
    assert b.validate_node(node, required=["power"])["power"].result
    b.delete_node(node)
    refused(404, b.delete_node, node.id, ignore_missing=False)


@case("1.76")
def states(b):
    node = fresh(b)
    b.set_node_provision_state(node, "manage", wait=True, timeout=DEADLINE)
    b.set_node_provision_state(node, "provide")
    b.wait_for_nodes_provision_state([node], "available", timeout=DEADLINE)
    b.set_node_power_state(node, "power on")
    b.wait_for_node_power_state(node, "power on", timeout=DEADLINE)
    b.wait_for_node_reservation(node, timeout=DEADLINE)
    assert b.get_node_supported_boot_devices(node)["supported_boot_devices"] == ["pxe"]
    b.set_node_boot_device(node, "pxe", persistent=True)
    assert b.get_node_boot_device(node)["boot_device"] == "pxe"
    refused(404, b.get_node_inventory, node)
    refused(400, b.inject_nmi_to_node, node)
    b.set_node_boot_mode(node, "uefi")
    b.wait_for_node_reservation(node, timeout=DEADLINE)
    b.set_node_secure_boot(node, True)
    b.wait_for_node_reservation(node, timeout=DEADLINE)
    b.enable_node_console(node)
    assert b.get_node_console(node)["console_enabled"]
    b.disable_node_console(node)
    b.wait_for_status(b.get_node(node.id), "available", attribute="provision_state",
                      wait=DEADLINE)
    b.delete_node(node)
    b.wait_for_delete(node, interval=0.2, wait=DEADLINE)


@case("1.37")
def traits(b):
    node = fresh(b)
    b.add_node_trait(node, TRAIT)
    b.set_node_traits(node, [TRAIT, OTHER_TRAIT])
    assert set(b.get_node(node.id).traits) == {TRAIT, OTHER_TRAIT}
    b.remove_node_trait(node, TRAIT)
    assert b.get_node(node.id).traits == [OTHER_TRAIT]
    b.delete_node(node)


@case("1.11")
def node_vendor(b):
    node = fresh(b)
    try:
        assert "second_method" in b.list_node_vendor_passthru(node)
        b.call_node_vendor_passthru(node, "POST", "third_method_sync", body={"bar": "meow"})
    finally:
        b.delete_node(node)


@case("1.86")
def firmware(b):
    node = fresh(b)
    assert b.list_node_firmware(node) == {"firmware": []}  # the library hands over the answer
    b.delete_node(node)


@case("1.89")
def virtual_media(b):
    node = fresh(b)
    try:
        b.attach_vmedia_to_node(node, "cdrom", "http://192.0.2.1/image.iso")
        b.wait_for_node_reservation(node, timeout=DEADLINE)
        b.detach_vmedia_from_node(node)
        b.wait_for_node_reservation(node, timeout=DEADLINE)
    finally:
        b.delete_node(node)


@case("1.28")
def vifs(b):
    node = fresh(b)
    b.attach_vif_to_node(node, "vif-1")
    b.list_node_vifs(node)
    b.detach_vif_from_node(node, "vif-1")
    b.delete_node(node)


@case("1.11")
def ports(b):
    node = fresh(b)
    port = b.create_port(address="52:54:00:5d:00:01", node_id=node.id)
    assert port.id in names(b.ports()) and port.id in names(b.ports(details=True))
    assert b.find_port(port.id).address == port.address
    assert b.get_port(port.id, fields=["uuid", "address"]).address == port.address
    assert b.update_port(port, extra={"a": 1}).extra == {"a": 1}
    patch = [{"op": "add", "path": "/extra/b", "value": 2}]
    assert b.patch_port(port, patch).extra == {"a": 1, "b": 2}
    b.delete_port(port)
    assert b.find_port(port.id) is None
    b.delete_node(node)


@case("1.26")
def port_groups(b):
    node = fresh(b)
    group = b.create_port_group(address="52:54:00:5d:00:02", node_id=node.id, name="sdk-bond")
    assert group.id in names(b.port_groups()) and group.id in names(b.port_groups(details=True))
    assert b.find_port_group("sdk-bond").id == group.id
    assert b.get_port_group(group.id).node_id == node.id
    assert b.update_port_group(group, extra={"a": 1}).extra == {"a": 1}
    patch = [{"op": "add", "path": "/extra/b", "value": 2}]
    assert b.patch_port_group(group, patch).extra == {"a": 1, "b": 2}
    b.delete_port_group(group)
    b.delete_node(node)


@case("1.57")
def allocations(b):
    node = available(b)
    made = b.create_allocation(name="sdk-claim", resource_class="sdk")
    assert b.wait_for_allocation(made, timeout=DEADLINE).node_id == node.id
    assert made.id in names(b.allocations())
    assert b.get_allocation("sdk-claim").id == made.id
    assert b.update_allocation(made, extra={"a": 1}).extra == {"a": 1}
    patch = [{"op": "add", "path": "/extra/b", "value": 2}]
    assert b.patch_allocation(made, patch).extra == {"a": 1, "b": 2}
    b.delete_allocation(made)
    b.delete_node(node)


@case("1.32")
def volume_connectors(b):
    node = fresh(b)
    b.set_node_power_state(node, "power off", wait=True, timeout=DEADLINE)
    made = b.create_volume_connector(node_id=node.id, type="iqn", connector_id="iqn.2026.sdk")
    assert made.id in names(b.volume_connectors())
    assert made.id in names(b.volume_connectors(details=True))
    assert b.find_volume_connector(made.id).connector_id == "iqn.2026.sdk"
    assert b.get_volume_connector(made.id).node_id == node.id
    assert b.update_volume_connector(made, extra={"a": 1}).extra == {"a": 1}
    patch = [{"op": "add", "path": "/extra/b", "value": 2}]
    assert b.patch_volume_connector(made, patch).extra == {"a": 1, "b": 2}
    b.delete_volume_connector(made)
    b.delete_node(node)


@case("1.32")
def volume_targets(b):
    node = fresh(b)
    b.set_node_power_state(node, "power off", wait=True, timeout=DEADLINE)
    made = b.create_volume_target(node_id=node.id, volume_type="iscsi", volume_id="v1",
                                  boot_index=0)
    assert made.id in names(b.volume_targets()) and made.id in names(b.volume_targets(details=True))
    assert b.find_volume_target(made.id).volume_id == "v1"
    assert b.get_volume_target(made.id).node_id == node.id
    assert b.update_volume_target(made, extra={"a": 1}).extra == {"a": 1}
    patch = [{"op": "add", "path": "/extra/b", "value": 2}]
    assert b.patch_volume_target(made, patch).extra == {"a": 1, "b": 2}
    b.delete_volume_target(made)
    b.delete_node(node)


@case("1.55")
def deploy_templates(b):
    made = b.create_deploy_template(name=TRAIT, steps=STEPS)
    assert made.id in names(b.deploy_templates())
    assert made.id in names(b.deploy_templates(details=True))
    assert b.get_deploy_template(TRAIT).steps == STEPS
    assert b.find_deploy_template(TRAIT).id == made.id
    assert b.update_deploy_template(made, extra={"a": 1}).extra == {"a": 1}
    patch = [{"op": "add", "path": "/extra/b", "value": 2}]
    assert b.patch_deploy_template(made, patch).extra == {"a": 1, "b": 2}
    b.delete_deploy_template(made)


@case("1.112")
def runbooks(b):
    steps = [{"interface": "bios", "step": "factory_reset", "order": 1}]
    made = b.create_runbook(name=TRAIT, steps=steps)
    assert made.id in names(b.runbooks()) and made.id in names(b.runbooks(details=True))
    assert b.get_runbook(TRAIT).id == made.id
    assert b.update_runbook(made, extra={"a": 1}).extra == {"a": 1}
    patch = [{"op": "add", "path": "/extra/b", "value": 2}]
    assert b.patch_runbook(made, patch).extra == {"a": 1, "b": 2}
    b.add_runbook_trait(made, TRAIT)
    b.set_runbook_traits(made, [TRAIT, OTHER_TRAIT])
    b.remove_runbook_trait(made, TRAIT)
    b.delete_runbook(made)


@case("1.96")
def inspection_rules(b):
    actions = [{"op": "set-attribute", "args": {"path": "/extra/seen", "value": True}}]
    made = b.create_inspection_rule(description="sdk", actions=actions, conditions=[])
    assert made.id in names(b.inspection_rules())
    assert made.id in names(b.inspection_rules(details=True))
    assert b.get_inspection_rule(made.id).description == "sdk"
    assert b.update_inspection_rule(made, description="two").description == "two"
    patch = [{"op": "replace", "path": "/description", "value": "three"}]
    assert b.patch_inspection_rule(made, patch).description == "three"
    b.delete_inspection_rule(made)


def all_methods():
    return {name for name, method in vars(_proxy.Proxy).items()
            if callable(method) and not name.startswith("_")}


def drive(url):
    for function, oldest in CASES:
        for version in (oldest, NEWEST):
            with step(f"openstacksdk {function.__name__} at {version}"):
                function(connect(url, version))


def main(binary):
    for name in [name for name in os.environ if name.startswith("OS_")]:
        del os.environ[name]  # nobody's own cloud is spoken to
    with tempfile.TemporaryDirectory() as directory:
        service = Service(binary, directory)
        try:
            drive(service.url)
        finally:
            service.stop()
    # What fake hardware does not have is refused, which the cases ask for.
    expected = {"call_driver_vendor_passthru", "get_node_inventory", "inject_nmi_to_node"}
    with step("every method of the library was called"):
        missing = all_methods() - worked - expected
        assert not missing, ", ".join(sorted(missing))
    print(f"{len(all_methods())} methods, {len(worked)} answered as asked, {len(expected)} refused as asked")
    return result("openstacksdk")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
