//! Which function answers which operation. What is checked before is `dispatch`'s.

use cupola_api::contract::{Operation, openapi};
use cupola_api::fault::ApiFault;
use cupola_api::volume_connector::VolumeConnector;
use cupola_api::volume_target::VolumeTarget;

use super::answer::{self, Answer};
use super::call::Call;
use super::route::Found;
use super::{
    allocations, chassis, cupola, deploy_templates, external_events, inspection_rules, metrics,
    nodes, portgroups, ports, ramdisk, root, runbooks, service, volumes,
};

/// Calls the handler of an operation. Parameters are taken by their place in the path.
#[allow(clippy::too_many_lines, reason = "a line for each operation")]
pub(super) async fn handle(operation: Operation, path: &Found, call: &mut Call) -> Answer {
    use Operation as O;
    let (a, b) = (path.parameter(0), path.parameter(1));
    match operation {
        O::Discovery => root::discovery(call),
        O::VersionRoot => root::v1(call),
        O::ListNodes => nodes::list::list(call, false).await,
        O::ListNodesInDetail => nodes::list::list(call, true).await,
        O::CreateNode => nodes::create::create(call).await,
        O::ShowNode => nodes::list::show(call, a).await,
        O::UpdateNode => nodes::update::update(call, a).await,
        O::DeleteNode => nodes::delete::delete(call, a).await,
        O::ValidateNodeByArgument => nodes::actions::validate_by_argument(call).await,
        O::ValidateNode => nodes::actions::validate(call, a).await,
        O::SetMaintenance | O::ClearMaintenance => nodes::actions::maintenance(call, a).await,
        O::ShowNodeStates => nodes::states::show(call, a).await,
        O::SetPowerState => nodes::power::change(call, a).await,
        O::SetProvisionState => nodes::provision::change(call, a).await,
        O::SetRaidConfig => nodes::hardware::set_raid(call, a).await,
        O::ShowConsole | O::SetConsole => nodes::hardware::console(call, a).await,
        O::SetBootMode => nodes::hardware::boot_mode(call, a).await,
        O::SetSecureBoot => nodes::hardware::secure_boot(call, a).await,
        O::ShowVirtualMedia => nodes::virtual_media::show(call, a).await,
        O::AttachVirtualMedia => nodes::virtual_media::attach(call, a).await,
        O::DetachVirtualMedia => nodes::virtual_media::detach(call, a).await,
        O::ListIndicators => nodes::hardware::indicators(call, a, "").await,
        O::ShowIndicator => nodes::hardware::indicators(call, a, b).await,
        O::SetIndicator => nodes::hardware::set_indicator(call, a, b).await,
        O::InjectNmi => nodes::hardware::inject_nmi(call, a).await,
        O::ShowBootDevice | O::SetBootDevice => nodes::actions::boot_device(call, a).await,
        O::ListSupportedBootDevices => nodes::actions::supported_boot_devices(call, a).await,
        O::ListVendorMethods => nodes::vendor::methods(call, a).await,
        O::ReadVendor
        | O::CallVendor
        | O::PutVendor
        | O::PatchVendor
        | O::DeleteVendor
        | O::ReadVendorByArgument
        | O::CallVendorByArgument
        | O::PutVendorByArgument
        | O::PatchVendorByArgument
        | O::DeleteVendorByArgument => nodes::vendor::run(call, a, b).await,
        O::ListTraits | O::SetTraits | O::DeleteTraits => nodes::traits::all(call, a).await,
        O::AddTrait | O::DeleteTrait => nodes::traits::one(call, a, b).await,
        O::ListHistory => nodes::history::list(call, a).await,
        O::ShowHistoryEntry => nodes::history::show(call, a, b).await,
        O::ShowInventory => nodes::actions::inventory(call, a).await,
        O::ListChildren => nodes::parts::children(call, a).await,
        O::ListNodePorts => ports::list::of_node(call, a, false).await,
        O::ListNodePortsInDetail => ports::list::of_node(call, a, true).await,
        O::CreateNodePort
        | O::ShowNodePort
        | O::UpdateNodePort
        | O::DeleteNodePort
        | O::CreateNodePortgroup
        | O::ShowNodePortgroup
        | O::UpdateNodePortgroup
        | O::DeleteNodePortgroup
        | O::CreatePortgroupPort
        | O::ShowPortgroupPort
        | O::UpdatePortgroupPort
        | O::DeletePortgroupPort
        | O::CreateNodeVolumeConnector
        | O::ShowNodeVolumeConnector
        | O::UpdateNodeVolumeConnector
        | O::DeleteNodeVolumeConnector
        | O::CreateNodeVolumeTarget
        | O::ShowNodeVolumeTarget
        | O::UpdateNodeVolumeTarget
        | O::DeleteNodeVolumeTarget
        | O::CreateChassisNode
        | O::ShowChassisNode
        | O::UpdateChassisNode
        | O::DeleteChassisNode => Err(ApiFault::bad_request("Malformed request URI.").into()),
        O::ListNodePortgroups => portgroups::of_node(call, a, false).await,
        O::ListNodePortgroupsInDetail => portgroups::of_node(call, a, true).await,
        O::ListVifs => nodes::vifs::list(call, a).await,
        O::AttachVif => nodes::vifs::attach(call, a).await,
        O::DetachVif => nodes::vifs::detach(call, a, b).await,
        O::ShowNodeVolume => volumes::root_of_node(call, a).await,
        O::ListNodeVolumeConnectors => volumes::of_node::<VolumeConnector>(call, a).await,
        O::ListNodeVolumeTargets => volumes::of_node::<VolumeTarget>(call, a).await,
        O::ListBiosSettings => nodes::bios::list(call, a).await,
        O::ShowBiosSetting => nodes::bios::show(call, a, b).await,
        O::ListFirmwareComponents => nodes::parts::none(call, a, "firmware").await,
        O::ShowNodeAllocation => allocations::show_of_node(call, a).await,
        O::DeleteNodeAllocation => allocations::delete_of_node(call, a).await,
        O::ListPorts => ports::list::list(call, false).await,
        O::ListPortsInDetail => ports::list::list(call, true).await,
        O::CreatePort => ports::create::create(call).await,
        O::ShowPort => ports::list::show(call, a).await,
        O::UpdatePort => ports::update::update(call, a).await,
        O::DeletePort => ports::update::delete(call, a).await,
        O::ListDrivers => service::drivers(call).await,
        O::ShowDriver => service::driver(call, a).await,
        O::ShowDriverProperties => service::driver_properties(call, a).await,
        O::ListRaidProperties => service::raid_properties(call, a).await,
        O::ListDriverVendorMethods => service::vendor_methods(call, a).await,
        O::ReadDriverVendor
        | O::CallDriverVendor
        | O::PutDriverVendor
        | O::PatchDriverVendor
        | O::DeleteDriverVendor
        | O::ReadDriverVendorByArgument
        | O::CallDriverVendorByArgument
        | O::PutDriverVendorByArgument
        | O::PatchDriverVendorByArgument
        | O::DeleteDriverVendorByArgument => service::call_vendor(call, a, b).await,
        O::ListConductors => service::conductors(call).await,
        O::ShowConductor => service::conductor(call, a).await,
        O::ListShards => service::shards(call).await,
        O::ListPortgroups => portgroups::list(call, false).await,
        O::ListPortgroupsInDetail => portgroups::list(call, true).await,
        O::CreatePortgroup => portgroups::create(call).await,
        O::ShowPortgroup => portgroups::show(call, a).await,
        O::UpdatePortgroup => portgroups::update(call, a).await,
        O::DeletePortgroup => portgroups::delete(call, a).await,
        O::ListPortgroupPorts => ports::list::of_portgroup(call, a, false).await,
        O::ListPortgroupPortsInDetail => ports::list::of_portgroup(call, a, true).await,
        O::ListChassis => chassis::list(call, false).await,
        O::ListChassisInDetail => chassis::list(call, true).await,
        O::CreateChassis => chassis::create(call).await,
        O::ShowChassis => chassis::show(call, a).await,
        O::UpdateChassis => chassis::update(call, a).await,
        O::DeleteChassis => chassis::delete(call, a).await,
        O::ListChassisNodes => nodes::list::of_chassis(call, a, false).await,
        O::ListChassisNodesInDetail => nodes::list::of_chassis(call, a, true).await,
        O::ShowVolume => volumes::root(call),
        O::ListVolumeConnectors => volumes::list::<VolumeConnector>(call).await,
        O::CreateVolumeConnector => volumes::create::<VolumeConnector>(call).await,
        O::ShowVolumeConnector => volumes::show::<VolumeConnector>(call, a).await,
        O::UpdateVolumeConnector => volumes::update::<VolumeConnector>(call, a).await,
        O::DeleteVolumeConnector => volumes::delete::<VolumeConnector>(call, a).await,
        O::ListVolumeTargets => volumes::list::<VolumeTarget>(call).await,
        O::CreateVolumeTarget => volumes::create::<VolumeTarget>(call).await,
        O::ShowVolumeTarget => volumes::show::<VolumeTarget>(call, a).await,
        O::UpdateVolumeTarget => volumes::update::<VolumeTarget>(call, a).await,
        O::DeleteVolumeTarget => volumes::delete::<VolumeTarget>(call, a).await,
        O::ListAllocations => allocations::list(call).await,
        O::CreateAllocation => allocations::create(call).await,
        O::ShowAllocation => allocations::show(call, a).await,
        O::UpdateAllocation => allocations::update(call, a).await,
        O::DeleteAllocation => allocations::delete(call, a).await,
        O::ListDeployTemplates => deploy_templates::list(call).await,
        O::CreateDeployTemplate => deploy_templates::create(call).await,
        O::ShowDeployTemplate => deploy_templates::show(call, a).await,
        O::UpdateDeployTemplate => deploy_templates::update(call, a).await,
        O::DeleteDeployTemplate => deploy_templates::delete(call, a).await,
        O::ListRunbooks => runbooks::list(call).await,
        O::CreateRunbook => runbooks::create(call).await,
        O::ShowRunbook => runbooks::show(call, a).await,
        O::UpdateRunbook => runbooks::update(call, a).await,
        O::DeleteRunbook => runbooks::delete(call, a).await,
        O::ListRunbookTraits | O::SetRunbookTraits | O::DeleteRunbookTraits => {
            runbooks::all_traits(call, a).await
        }
        O::AddRunbookTrait | O::DeleteRunbookTrait => runbooks::one_trait(call, a, b).await,
        O::ListInspectionRules => inspection_rules::list(call).await,
        O::CreateInspectionRule => inspection_rules::create(call).await,
        O::ShowInspectionRule => inspection_rules::show(call, a).await,
        O::UpdateInspectionRule => inspection_rules::update(call, a).await,
        O::DeleteInspectionRule => inspection_rules::delete(call, a).await,
        O::TakeExternalEvents => external_events::post(call).await,
        O::Lookup => ramdisk::lookup(call).await,
        O::Heartbeat => ramdisk::heartbeat(call, a).await,
        O::ContinueInspection => ramdisk::continue_inspection(call).await,
        O::ReadMetrics => metrics::metrics(call).await,
        O::ShowHealth => metrics::health(),
        O::ShowReadiness => metrics::readiness(call).await,
        O::ShowOpenApi => answer::ok(&openapi()),
        O::FollowEvents => cupola::events::follow(call).await,
        O::SummarizeNodes => cupola::nodes(call).await,
        O::ShowTimeline => cupola::timeline(call, a).await,
        O::ExplainNode => cupola::explain(call, a).await,
        O::ShowDurations => cupola::durations(call).await,
        O::ListLogs => cupola::logs::list(call, a).await,
        O::ShowLog => cupola::logs::archive(call, a, b).await,
        O::ShowLogLines => cupola::logs::lines(call, a, b).await,
        O::FollowSerial => cupola::serial::follow(call, a).await,
        O::SendSerial => cupola::serial::send(call, a).await,
        O::ListImages => cupola::images(call),
        O::ProbeBmc => cupola::enrolment::probe(call).await,
        O::IdentifyBmc => cupola::enrolment::identify(call).await,
        O::DiscoverBmcs => cupola::enrolment::discover(call).await,
        O::ListUnknownMacs => cupola::enrolment::unknown_macs(call).await,
    }
}
