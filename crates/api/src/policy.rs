//! The rules that tell who may do what: their names, their defaults and the operations they guard, as
//! one table (wire reference §25). Operators override single ones in a file; how a rule is read and
//! asked is the service's.

mod document;
mod expressions;
mod rule;
mod table;
#[cfg(test)]
mod tests;

pub use document::document;
pub use rule::{Definition, Helper, Scopes};
pub use table::{HELPERS, RULES, Rule};

/// What the names of rules that guard operations begin with.
pub const PREFIX: &str = "baremetal:";

/// What the names of rules begin with that guard one step each, `INTERFACE.STEP` behind it. Without such a
/// rule a step is everybody's who may list steps at all.
pub const STEP_PREFIX: &str = "baremetal:step:execute:";

/// The rule of who sees secrets in `driver_info`.
pub const SHOW_PASSWORD: &str = "show_password";

/// The rule of who sees secrets in `instance_info`.
pub const SHOW_INSTANCE_SECRETS: &str = "show_instance_secrets";
