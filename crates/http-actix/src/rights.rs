//! Which right each operation needs, and which role has it: `docs/reference/rights.md`, written from the routes and the policy.

use std::{collections::BTreeMap, fmt::Write as _};

use domain::{
    access::{Right, Role},
    ports::Policy,
};
use serde_json::Value;

use crate::openapi_document;

/// The roles in the order of the tables: the least trusted person first, and agents apart.
const ROLES: [Role; 5] = [Role::Viewer, Role::Operator, Role::Designer, Role::Admin, Role::Agent];

/// The tables as Markdown.
pub fn rights_markdown(policy: &dyn Policy) -> String {
    let mut page = String::from(
        "# Rights\n\n\
         <!-- Generated from the routes and crates/adapters-auth/src/policy.datalog; do not edit. -->\n\n\
         Every operation that is not public needs credentials (`X-API-Key`, or `Authorization: Bearer`), and most need a right. \
         Which role has which right is said in [policy.datalog](../../crates/adapters-auth/src/policy.datalog), which need is said \
         where a route is declared; a route without one does not compile. A credential may be restricted further: to workflows \
         and agents, to networks, and a token by the blocks that its holders have added.\n\n\
         ## Roles\n\n| right |",
    );
    let yes = |holds: bool| if holds { " yes |" } else { " |" };
    for role in ROLES {
        // Writing to a String cannot fail.
        let _ = write!(page, " {} |", role.as_str());
    }
    let _ = writeln!(page, "\n| --- |{}", " --- |".repeat(ROLES.len()));
    for right in Right::ALL {
        let holds = ROLES.map(|role| yes(policy.grants(role, right))).concat();
        let _ = writeln!(page, "| `{}` |{holds}", right.as_str());
    }
    page.push_str("\n## Operations\n\n| operation | what it does | needs |\n| --- | --- | --- |\n");
    for (name, operation) in operations(&openapi_document()) {
        let summary = operation["summary"].as_str().unwrap_or_default();
        let needs = match (operation["x-required-right"].as_str(), operation.get("security")) {
            (Some(right), _) => format!("`{right}`"),
            (None, Some(_)) => "any valid credential".to_owned(),
            (None, None) => "nothing".to_owned(),
        };
        let _ = writeln!(page, "| `{name}` | {summary} | {needs} |");
    }
    page
}

/// The operations by path, and by method below it.
fn operations(document: &Value) -> Vec<(String, Value)> {
    let paths: BTreeMap<&String, &Value> = document["paths"].as_object().into_iter().flatten().collect();
    let of_path = |(path, item): (&String, &Value)| {
        let methods = item.as_object().into_iter().flatten();
        let named = methods.map(|(method, operation)| (format!("{} {path}", method.to_uppercase()), operation.clone()));
        named.collect::<Vec<_>>()
    };
    paths.into_iter().flat_map(of_path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl Policy for Nobody {
        fn grants(&self, role: Role, right: Right) -> bool {
            (role, right) == (Role::Viewer, Right::RunsRead)
        }
    }

    #[test]
    fn the_page_says_who_has_what_and_what_each_operation_needs() {
        let page = rights_markdown(&Nobody);
        assert!(page.contains("| `runs:read` | yes | | | | |"), "{page}");
        assert!(page.contains("| `agents:write` | | | | | |"));
        assert!(page.contains("| `GET /api/v1/runs` | List runs | `runs:read` |"));
        assert!(page.contains("| `GET /health` | Whether the process is there | nothing |"));
    }
}
