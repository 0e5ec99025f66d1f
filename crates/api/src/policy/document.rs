//! The table of rules as a page for its readers.

use std::fmt::Write;

use super::{HELPERS, RULES};
use crate::contract::{Operation, ROUTES};

/// The page, in Markdown.
#[must_use]
pub fn document() -> String {
    let mut out = String::from(
        "# Who may do what\n\nGenerated from the table of rules in `crates/api`. The rules are asked of requests with a token of \
         the identity\nservice (`api.auth = \"keystone\"`); users of `http_basic` may do everything.\n\n\
         A file (`api.policy_file`), in YAML or JSON, overrides single rules:\n\n\
         ```yaml\n\"baremetal:node:get\": \"role:reader and system_scope:all\"\n\
         \"baremetal:node:delete\": \"!\"\n```\n\n\
         A change of the file counts within a second or two. While the file is broken, what it said before \
         holds, and the log\nsays what is wrong; `cupola check` refuses such a file.\n\n\
         A node that a caller may not see (`baremetal:node:get`) is answered as one that does not exist. \
         Lists show what the\ncaller's project owns or leases, unless the rule that ends in `list_all` \
         is passed.\n\n\
         ## The language\n\nThat of oslo.policy: checks, `and`, `or`, `not`, parentheses. `@` or nothing is \
         everybody, `!` nobody.\n\n\
         | check | passed when |\n|---|---|\n\
         | `role:NAME` | the token has the role; case does not matter |\n\
         | `rule:NAME` | that rule is passed |\n\
         | `system_scope:all` | the token is for the whole system |\n\
         | `ATTRIBUTE:VALUE` | the attribute of the token is that: `user_id`, `username`, `user_domain_id`, \
         `project_id`, `project_name`, `project_domain_id`, `domain_id`, `is_admin_project` |\n\
         | `ATTRIBUTE:%(node.owner)s` | the same, of what the request is about: `node.owner`, `node.lessee`, \
         `allocation.owner`, `runbook.owner`. What is not set equals nothing |\n\
         | `'TEXT':%(node.owner)s` | that is this text |\n\n\
         A rule that refers to one that does not exist, or to itself, is passed by nobody.\n\n\
         `http:` and `https:`, by which oslo.policy asks another service, are refused when the file is read, \
         with the rule and its line:\nevery request, and every node of a list, would wait for that service, and \
         who may do what would be written nowhere.\n\n\
         ## Single steps\n\n\
         A file may have rules `baremetal:step:execute:INTERFACE.STEP`, such as \
         `baremetal:step:execute:deploy.erase_devices`: who does not\npass one cannot list that step in a request to \
         deploy, clean or service a node, nor in a runbook, nor use a runbook with it that\nbelongs to a project. \
         Public runbooks, and those without an owner, may be used as they are. Without a rule a step is everybody's \
         who may\nlist steps at all.\n\n\
         ## Secrets\n\n\
         `show_password` and `show_instance_secrets` are passed by nobody unless a file says otherwise. Who passes \
         them sees passwords in\n`driver_info`, or the config drive and the like in `instance_info`, as they are \
         stored; never those of `driver_internal_info`,\nwhich are the agents'. They show nothing where no tokens \
         are asked for.\n\n\
         ## Rules\n\n| rule | allows | asked by | scope | default |\n|---|---|---|---|---|\n",
    );
    for row in RULES {
        // Writing to a text does not fail.
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} | {} |",
            row.name,
            row.summary.trim_end_matches('.'),
            row.operations().map(path).collect::<Vec<_>>().join("<br>"),
            row.scopes.as_str(),
            code(row.check),
        );
    }
    out.push_str("\n## What rules refer to\n\n| rule | who | default |\n|---|---|---|\n");
    for row in HELPERS {
        let who = row.summary.trim_end_matches('.');
        let _ = writeln!(out, "| `{}` | {who} | {} |", row.name, code(row.check));
    }
    out
}

fn code(check: &str) -> String {
    if check.is_empty() {
        "everybody".to_owned()
    } else {
        format!("`{check}`")
    }
}

fn path(operation: Operation) -> String {
    let route = ROUTES.iter().find(|route| route.operation == operation);
    route.map_or_else(String::new, |route| {
        format!("`{} {}`", route.method, route.path)
    })
}
