//! What a restricted principal may touch.
//!
//! A scope of workflows concerns definitions, runs, schedules and dead letters; a scope of agents concerns the registered agents.
//! What a workflow does in its steps is its own affair: whoever may execute it may have its agents called. So whoever writes steps
//! must not name others in them.

use std::collections::BTreeSet;

use domain::{
    access::{Forbidden, Resource, Right, Scope},
    workflows::Mentioned,
};

/// Which part of a scope has a say about a right.
enum Concerns {
    Workflows,
    Agents,
    /// It reaches everything, so it is for those without restrictions.
    Everything,
    /// Nothing that a scope tells apart.
    Nothing,
}

fn concerns(right: Right) -> Concerns {
    match right {
        Right::WorkflowsRead
        | Right::WorkflowsWrite
        | Right::WorkflowsTest
        | Right::RunsRead
        | Right::RunsExecute
        | Right::RunsControl
        | Right::SchedulesRead
        | Right::SchedulesWrite
        | Right::DeadLettersDelete => Concerns::Workflows,
        Right::AgentsRead | Right::AgentsWrite | Right::AgentsCheck => Concerns::Agents,
        // A key without restrictions could be made otherwise, and the audit log tells of everything.
        // A webhook is told of the runs of any workflow.
        Right::AccessManage | Right::AuditRead | Right::WebhooksManage => Concerns::Everything,
        Right::TasksReport | Right::SystemRead => Concerns::Nothing,
    }
}

/// Whether the scope has a say about the right at all.
pub(super) fn restricts(scope: &Scope, right: Right) -> bool {
    match concerns(right) {
        Concerns::Workflows => scope.workflows.is_some(),
        Concerns::Agents => scope.agents.is_some(),
        Concerns::Everything => !scope.is_open(),
        Concerns::Nothing => false,
    }
}

/// Whether the scope takes in the resource. The refusal is the same for what lies outside and for what does not exist.
pub(super) fn takes_in(scope: &Scope, right: Right, resource: &Resource) -> Result<(), Forbidden> {
    match concerns(right) {
        Concerns::Workflows => within("workflows", scope.workflows.as_ref(), resource.workflow.as_ref()),
        Concerns::Agents => within("agents", scope.agents.as_ref(), resource.agent.as_ref()),
        Concerns::Everything if scope.is_open() => Ok(()),
        Concerns::Everything => {
            Err(Forbidden::OutOfScope("this reaches everything and needs a credential without restrictions".to_owned()))
        }
        Concerns::Nothing => Ok(()),
    }
}

/// Whether the scope takes in what a document names; `workflow` is the name of a workflow that is named by its id.
pub(super) fn takes_in_mention(scope: &Scope, what: &Mentioned, workflow: Option<&String>) -> Result<(), Forbidden> {
    let (kind, allowed, name) = match what {
        Mentioned::Agent(name) => ("agents", &scope.agents, Some(name)),
        Mentioned::Workflow(name) => ("workflows", &scope.workflows, Some(name)),
        Mentioned::WorkflowId(_) => ("workflows", &scope.workflows, workflow),
    };
    match allowed {
        Some(allowed) if !name.is_some_and(|name| allowed.contains(name)) => {
            Err(Forbidden::OutOfScope(format!("steps may name only the {kind} {}", quoted(allowed))))
        }
        _ => Ok(()),
    }
}

fn quoted(names: &BTreeSet<String>) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}

fn within(what: &str, allowed: Option<&BTreeSet<String>>, one: Option<&String>) -> Result<(), Forbidden> {
    match allowed {
        Some(allowed) if !one.is_some_and(|name| allowed.contains(name)) => Err(Forbidden::OutOfScope(format!(
            "only the {what} {}, and the request must name nothing else, be it by its path, its filter or its body",
            quoted(allowed)
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(workflows: Option<&str>, agents: Option<&str>) -> Scope {
        let set = |name: &str| BTreeSet::from([name.to_owned()]);
        Scope { workflows: workflows.map(set), agents: agents.map(set) }
    }

    #[test]
    fn what_is_not_named_is_outside_like_what_is_another() {
        let scope = scope(Some("a"), None);
        let of = |name: Option<&str>| Resource { workflow: name.map(str::to_owned), ..Resource::default() };
        assert_eq!(takes_in(&scope, Right::RunsRead, &of(Some("a"))), Ok(()));
        let other = takes_in(&scope, Right::RunsRead, &of(Some("b"))).expect_err("it is another");
        assert_eq!(takes_in(&scope, Right::RunsRead, &of(None)), Err(other));
    }

    #[test]
    fn steps_name_only_what_the_scope_takes_in() {
        let agent = |name: &str| Mentioned::Agent(name.to_owned());
        let workflow = |name: &str| Mentioned::Workflow(name.to_owned());
        let both = scope(Some("w"), Some("A"));
        for inside in [agent("A"), workflow("w")] {
            assert_eq!(takes_in_mention(&both, &inside, None), Ok(()));
        }
        for outside in [agent("B"), workflow("v"), agent("w"), workflow("A")] {
            assert!(takes_in_mention(&both, &outside, None).is_err(), "{outside:?}");
            assert_eq!(takes_in_mention(&Scope::default(), &outside, None), Ok(()));
        }
        assert_eq!(takes_in_mention(&scope(None, Some("A")), &workflow("v"), None), Ok(()));
        assert_eq!(takes_in_mention(&scope(Some("w"), None), &agent("B"), None), Ok(()));
        let id = Mentioned::WorkflowId("0190c0de-0000-7000-8000-0000000000ff".parse().expect("an id"));
        assert_eq!(takes_in_mention(&both, &id, Some(&"w".to_owned())), Ok(()));
        let other = takes_in_mention(&both, &id, Some(&"v".to_owned())).expect_err("it is another");
        assert_eq!(takes_in_mention(&both, &id, None), Err(other), "whether it exists is not told");
    }

    #[test]
    fn a_restriction_to_workflows_leaves_agents_alone_and_the_other_way_round() {
        let nothing = Resource::default();
        for right in Right::ALL {
            let (workflows, agents) = (scope(Some("a"), None), scope(None, Some("b")));
            let [by_workflows, by_agents] = [workflows, agents].map(|s| takes_in(&s, right, &nothing).is_err());
            assert_eq!(by_workflows, restricts(&scope(Some("a"), None), right), "{right:?}");
            assert_eq!(by_agents, restricts(&scope(None, Some("b")), right), "{right:?}");
            assert!(!restricts(&Scope::default(), right) && takes_in(&Scope::default(), right, &nothing).is_ok());
        }
        assert!(takes_in(&scope(Some("a"), None), Right::AgentsRead, &nothing).is_ok());
        assert!(takes_in(&scope(None, Some("b")), Right::RunsControl, &nothing).is_ok());
        assert!(takes_in(&scope(None, Some("b")), Right::AccessManage, &nothing).is_err());
    }
}
