//! Who passes which rule, of all roles, scopes and relations to what a request is about, against the
//! columns of the wire reference §25, which say it in other words than the table of rules.

use cupola_api::policy::{RULES, Scopes};

use super::evaluate::Target;
use super::rules::Rules;
use crate::auth::{Credentials, Scope};

/// Rules and who passes them, in the shorthands of the reference: `S.` in the whole system, `o.` for the
/// owner of the node, `l.` for who leases it, `a.` and `b.` for the owner of the allocation and of the
/// runbook; reader, member, administrator or manager (`A`), service (`V`, else `S`), manager (`G`),
/// administrator only (`oAdmin`).
const EXPECTED: &[(&str, &str)] = &[
    ("node:create", "SA SV"),
    ("node:create:self_owned_node", "A S"),
    ("node:list", "R S"),
    ("node:list_all", "SR"),
    ("node:get", "SR oR lR oS"),
    ("node:get:filter_threshold", "SR"),
    ("node:get:last_error", "SR SV oR oS"),
    ("node:get:reservation", "SR SV oR oS"),
    ("node:get:driver_internal_info", "SR SV oR oS"),
    ("node:get:driver_info", "SR SV oR oS"),
    ("node:update:driver_info", "SM SV oM oS"),
    ("node:update:properties", "SM SV oM oS"),
    ("node:update:chassis_uuid", "SA"),
    ("node:update:instance_uuid", "SM SV oM oS"),
    ("node:update:lessee", "SM SV oM oS"),
    ("node:update:owner", "SM"),
    ("node:update:driver_interfaces", "SM SV oA oS"),
    ("node:update:network_data", "SM SV oM oS"),
    ("node:update:conductor_group", "SM"),
    ("node:update:name", "SM SV oM oS"),
    ("node:update:retired", "SM SV oM oS"),
    ("node:update", "SM oM lM SV"),
    ("node:update_extra", "SM oM lM SV"),
    ("node:update_instance_info", "SM SV oM lA oS"),
    ("node:update_owner_provisioned", "SA"),
    ("node:delete", "SA"),
    ("node:delete:self_owned_node", "oAdmin"),
    ("node:validate", "SM SV oM lA oS"),
    ("node:set_maintenance", "SM SV oM lA oS"),
    ("node:clear_maintenance", "SM SV oM lA oS"),
    ("node:get_boot_device", "SM SV oA oS"),
    ("node:set_boot_device", "SM SV oA oS"),
    ("node:get_indicator_state", "SR oR lR oS"),
    ("node:set_indicator_state", "SM SV oM oS"),
    ("node:inject_nmi", "SM SV oA oS"),
    ("node:get_states", "SR oR lR oS"),
    ("node:set_power_state", "SM oM lM SV"),
    ("node:set_boot_mode", "SM oM lM SV"),
    ("node:set_secure_boot", "SM oM lM SV"),
    ("node:set_provision_state", "SM SV oM lA oS"),
    ("node:set_provision_state:clean_steps", "SM SV oM lA oS"),
    ("node:set_provision_state:service_steps", "SM SV oM lA oS"),
    ("node:set_raid_state", "SM SV oM oS"),
    ("node:get_console", "SM SV oM oS"),
    ("node:set_console_state", "SM SV oM oS"),
    ("node:vif:list", "SR oR lR oS"),
    ("node:vif:attach", "SM SV oM lA oS"),
    ("node:vif:detach", "SM SV oM lA oS"),
    ("node:traits:list", "SR oR lR oS"),
    ("node:traits:set", "SM SV oA oS"),
    ("node:traits:delete", "SM SV oA oS"),
    ("node:bios:get", "SR oR lR oS"),
    ("node:disable_cleaning", "SA"),
    ("node:history:get", "SR SV oR oS"),
    ("node:inventory:get", "SR SV oR oS"),
    ("node:update:shard", "SA"),
    ("shards:get", "SR"),
    ("node:update:parent_node", "SM"),
    ("node:update:disable_power_off", "SA"),
    ("node:firmware:get", "SR oR lR oS"),
    ("node:vmedia:attach", "SM oM lM SV"),
    ("node:vmedia:detach", "SM oM lM SV"),
    ("node:vmedia:get", "SR oR lR oS"),
    ("port:get", "SR oR lR oS"),
    ("port:list", "R S"),
    ("port:list_all", "SR"),
    ("port:create", "SA SV oA oS"),
    ("port:delete", "SA SV oA oS"),
    ("port:update", "SM SV oA oS"),
    ("portgroup:get", "SR oR lR oS"),
    ("portgroup:create", "SA SV oA oS"),
    ("portgroup:delete", "SA SV oA oS"),
    ("portgroup:update", "SM SV oA oS"),
    ("portgroup:list", "R S"),
    ("portgroup:list_all", "SR"),
    ("chassis:get", "SR"),
    ("chassis:create", "SA"),
    ("chassis:delete", "SA"),
    ("chassis:update", "SM"),
    ("driver:get", "SR"),
    ("driver:get_properties", "SR"),
    ("driver:get_raid_logical_disk_properties", "SR"),
    ("node:vendor_passthru", "SA"),
    ("driver:vendor_passthru", "SA"),
    ("node:ipa_heartbeat", "public"),
    ("driver:ipa_lookup", "public"),
    ("driver:ipa_continue_inspection", "public"),
    ("volume:list_all", "SR"),
    ("volume:list", "R S"),
    ("volume:get", "SR oR lR oS"),
    ("volume:create", "SM SV oA lA oS"),
    ("volume:delete", "SM SV oA lA oS"),
    ("volume:update", "SM SV oM lA oS"),
    ("volume:view_target_properties", "SR A"),
    ("conductor:get", "SR"),
    ("allocation:get", "SR aR"),
    ("allocation:list", "R S"),
    ("allocation:list_all", "SR"),
    ("allocation:create", "SM M"),
    ("allocation:create_restricted", "SM"),
    ("allocation:delete", "SM aM"),
    ("allocation:update", "SM aM"),
    ("events:post", "SA"),
    ("deploy_template:get", "SR"),
    ("deploy_template:create", "SA"),
    ("deploy_template:delete", "SA"),
    ("deploy_template:update", "SA"),
    ("runbook:get", "SR bR S"),
    ("runbook:list", "R S"),
    ("runbook:list_all", "SR"),
    ("runbook:create", "SM G S"),
    ("runbook:delete", "SM bG S"),
    ("runbook:update", "SM bG S"),
    ("runbook:update:public", "SM"),
    ("runbook:update:owner", "SM"),
    ("runbook:use", "SM bG S"),
    ("inspection_rule:get", "SR"),
    ("inspection_rule:list_all", "SR"),
    ("inspection_rule:create", "SA"),
    ("inspection_rule:update", "SA"),
    ("inspection_rule:delete", "SA"),
];

/// Rules for the whole system only, whatever the roles: asked with a token of a project, nobody passes.
const SYSTEM_ONLY: &[&str] = &[
    "chassis:get",
    "chassis:create",
    "chassis:delete",
    "chassis:update",
    "driver:get",
    "driver:get_properties",
    "driver:get_raid_logical_disk_properties",
    "driver:vendor_passthru",
    "events:post",
    "node:update_owner_provisioned",
];

/// The roles that a user has who was given this one, as the identity service implies them.
fn roles(given: &str) -> Vec<String> {
    let ladder = ["admin", "manager", "member", "reader"];
    let from = ladder.iter().position(|role| *role == given);
    let roles = match from {
        Some(from) => ladder.iter().skip(from).map(ToString::to_string).collect(),
        None => vec![given.to_owned()],
    };
    roles.into_iter().filter(|role| !role.is_empty()).collect()
}

fn project(id: &str) -> Scope {
    Scope::Project {
        id: id.to_owned(),
        name: if id == "services" { "service" } else { id }.to_owned(),
        domain_id: "default".to_owned(),
    }
}

/// Whether one shorthand of the reference lets this caller pass.
fn lets(shorthand: &str, role: &str, scope: &Scope, target: Target<'_>, elevated: bool) -> bool {
    let at_least = |wanted: &str| roles(role).iter().any(|has| has == wanted);
    let is_system = *scope == Scope::System;
    let own = match scope {
        Scope::Project { id, .. } => Some(id.as_str()),
        Scope::System | Scope::Domain(_) | Scope::Unscoped => None,
    };
    let owns = own.is_some() && own == target.node_owner;
    let leases = own.is_some() && own == target.node_lessee;
    let is_service_role = elevated && role == "service" && own == Some("services");
    match shorthand {
        "public" => true,
        "SR" => is_system && (at_least("reader") || role == "service") || is_service_role,
        "SM" => is_system && at_least("member") || is_service_role,
        "SA" => is_system && role == "admin",
        "SV" => is_system && role == "service",
        "oR" => owns && at_least("reader"),
        "oM" => owns && at_least("member"),
        "oA" => owns && at_least("manager"),
        "oS" => owns && role == "service",
        "oAdmin" => owns && role == "admin",
        "lR" => leases && at_least("reader"),
        "lM" => leases && at_least("member"),
        "lA" => leases && at_least("manager"),
        "R" => at_least("reader"),
        "M" => at_least("member"),
        "A" => role == "admin",
        "G" => at_least("manager"),
        "S" => role == "service",
        "aR" => own.is_some() && own == target.allocation_owner && at_least("reader"),
        "aM" => own.is_some() && own == target.allocation_owner && at_least("member"),
        "bR" => own.is_some() && own == target.runbook_owner && at_least("reader"),
        "bG" => own.is_some() && own == target.runbook_owner && at_least("manager"),
        other => panic!("no shorthand {other}"),
    }
}

/// Nodes, allocations and runbooks of the caller's project, of another one, and of nobody.
fn targets() -> Vec<Target<'static>> {
    let projects = [None, Some("mine"), Some("theirs"), Some("services")];
    let mut out = Vec::new();
    for node_owner in projects {
        for node_lessee in projects {
            for owner in projects {
                out.push(Target {
                    node_owner,
                    node_lessee,
                    allocation_owner: owner,
                    runbook_owner: owner,
                });
            }
        }
    }
    out
}

#[test]
fn every_rule_lets_pass_whom_the_reference_says() {
    let rules = Rules::new(&[], |problem| panic!("{problem}"));
    let scopes = [
        Scope::System,
        project("mine"),
        project("services"),
        Scope::Domain("default".to_owned()),
        Scope::Unscoped,
    ];
    let mut asked = 0_u32;
    for row in RULES {
        let name = row.rule.short();
        let Some((_, shorthands)) = EXPECTED.iter().find(|(known, _)| *known == name) else {
            assert_eq!(name, "allocation:create_pre_rbac");
            continue;
        };
        for role in [
            "", "reader", "member", "manager", "admin", "service", "other",
        ] {
            for scope in &scopes {
                for (target, elevated) in
                    targets().into_iter().zip([false, true].into_iter().cycle())
                {
                    let is_in_scope = match scope {
                        Scope::System => true,
                        Scope::Project { .. } => !SYSTEM_ONLY.contains(&name),
                        Scope::Domain(_) | Scope::Unscoped => row.scopes == Scopes::Any,
                    };
                    let lets = |s| lets(s, role, scope, target, elevated);
                    let want = is_in_scope && shorthands.split(' ').any(lets);
                    let who = Credentials {
                        user_id: "u".to_owned(),
                        user_name: "user".to_owned(),
                        user_domain_id: "default".to_owned(),
                        roles: roles(role),
                        scope: scope.clone(),
                        is_admin_project: true,
                    };
                    let service = elevated.then_some("service");
                    let passed = rules.passes(row.rule, &who, target, service);
                    assert_eq!(passed, want, "{name}: {role} of {scope}, {target:?}");
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 100_000, "{asked}");
}

#[test]
fn every_rule_of_the_reference_is_there() {
    for (name, _) in EXPECTED {
        let is_known = RULES.iter().any(|row| row.rule.short() == *name);
        assert!(is_known, "{name} is missing");
    }
    assert_eq!(EXPECTED.len() + 1, RULES.len());
}
