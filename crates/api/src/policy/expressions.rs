//! What the default rules say, in the language of oslo.policy, each named after who passes it. Which
//! rule says which is told in [`super::table`].

/// A reader of the system, or a service.
pub(super) const SYSTEM_READER: &str = "(role:reader and system_scope:all) or (role:service and system_scope:all) or \
     rule:service_role";

/// A member of the system.
pub(super) const SYSTEM_MEMBER: &str = "(role:member and system_scope:all) or rule:service_role";

/// An administrator of the system.
pub(super) const SYSTEM_ADMIN: &str = "role:admin and system_scope:all";

/// An administrator or a service of the system.
pub(super) const SYSTEM_ADMIN_OR_SERVICE: &str =
    "(role:admin and system_scope:all) or (role:service and system_scope:all)";

/// An administrator or a service, wherever.
pub(super) const ADMIN_OR_SERVICE: &str = "(role:admin) or (role:service)";

/// A reader or a service, wherever.
pub(super) const READER_OR_SERVICE: &str = "(role:reader) or (role:service)";

/// Who may see a node: a reader of the system, or of the project that owns or leases it.
pub(super) const NODE_READER: &str = "((role:reader and system_scope:all) or (role:service and system_scope:all) or \
     rule:service_role) or (role:reader and (project_id:%(node.owner)s or \
     project_id:%(node.lessee)s)) or (role:service and project_id:%(node.owner)s)";

/// The same without who leases it.
pub(super) const NODE_OWNER_READER: &str = "((role:reader and system_scope:all) or (role:service and system_scope:all) or \
     rule:service_role) or (role:service and system_scope:all) or (role:reader and \
     project_id:%(node.owner)s) or (role:service and project_id:%(node.owner)s)";

/// A member of the system, or of the project that owns the node.
pub(super) const NODE_OWNER_MEMBER: &str = "((role:member and system_scope:all) or rule:service_role) or (role:service and \
     system_scope:all) or (role:member and project_id:%(node.owner)s) or (role:service and \
     project_id:%(node.owner)s)";

/// A member of the system, or a manager of the project that owns the node.
pub(super) const NODE_OWNER_MANAGER: &str = "((role:member and system_scope:all) or rule:service_role) or (role:service and \
     system_scope:all) or (role:admin and project_id:%(node.owner)s) or (role:manager and \
     project_id:%(node.owner)s) or (role:service and project_id:%(node.owner)s)";

/// A member of the system, or of the project that owns or leases the node.
pub(super) const NODE_MEMBER: &str = "((role:member and system_scope:all) or rule:service_role) or (role:member and \
     (project_id:%(node.owner)s or project_id:%(node.lessee)s)) or (role:service and \
     system_scope:all)";

/// A member of the system or of the owner, or a manager of who leases the node.
pub(super) const NODE_USER: &str = "((role:member and system_scope:all) or rule:service_role) or (role:service and \
     system_scope:all) or (role:member and project_id:%(node.owner)s) or (role:admin and \
     project_id:%(node.lessee)s) or (role:manager and project_id:%(node.lessee)s) or \
     (role:service and project_id:%(node.owner)s)";

/// An administrator of the system, or a manager of the project that owns the node.
pub(super) const NODE_ADMIN: &str = "(role:admin and system_scope:all) or (role:service and system_scope:all) or (role:admin \
     and project_id:%(node.owner)s) or (role:manager and project_id:%(node.owner)s) or \
     (role:service and project_id:%(node.owner)s)";

/// An administrator of the project that owns the node.
pub(super) const NODE_OWNER_ADMIN: &str = "role:admin and project_id:%(node.owner)s";

/// A member of the system, or a manager of the project that owns or leases the node.
pub(super) const NODE_MANAGER: &str = "((role:member and system_scope:all) or rule:service_role) or (role:service and \
     system_scope:all) or (role:admin and project_id:%(node.owner)s) or (role:manager and \
     project_id:%(node.owner)s) or (role:admin and project_id:%(node.lessee)s) or \
     (role:manager and project_id:%(node.lessee)s) or (role:service and \
     project_id:%(node.owner)s)";

/// A reader of the system, or an administrator wherever.
pub(super) const SYSTEM_READER_OR_ADMIN: &str = "((role:reader and system_scope:all) or (role:service and system_scope:all) or \
     rule:service_role) or (role:admin)";

/// A reader of the system, or of the project that owns the allocation.
pub(super) const ALLOCATION_READER: &str = "((role:reader and system_scope:all) or (role:service and system_scope:all) or \
     rule:service_role) or (role:reader and project_id:%(allocation.owner)s)";

/// A member of the system, or of the project that owns the allocation.
pub(super) const ALLOCATION_MEMBER: &str = "((role:member and system_scope:all) or rule:service_role) or (role:member and \
     project_id:%(allocation.owner)s)";

/// A member, wherever.
pub(super) const MEMBER: &str =
    "((role:member and system_scope:all) or rule:service_role) or (role:member)";

/// A reader of the system or of the runbook's owner, or a service.
pub(super) const RUNBOOK_READER: &str = "((role:reader and system_scope:all) or (role:service and system_scope:all) or \
     rule:service_role) or (role:reader and project_id:%(runbook.owner)s) or role:service";

/// A member of the system, a manager of the runbook's owner, or a service.
pub(super) const RUNBOOK_MANAGER: &str = "((role:member and system_scope:all) or rule:service_role) or (role:manager and \
     project_id:%(runbook.owner)s) or role:service";

/// A member of the system, a manager or a service.
pub(super) const RUNBOOK_MAKER: &str = "((role:member and system_scope:all) or rule:service_role) or role:manager or \
     role:service";
