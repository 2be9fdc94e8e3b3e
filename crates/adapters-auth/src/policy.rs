//! Roles and rights: `policy.datalog`, evaluated once into a table.

use std::{collections::BTreeSet, time::Duration};

use biscuit_auth::{AuthorizerBuilder, AuthorizerLimits, error::Token};
use domain::{
    access::{Right, Role},
    ports::Policy,
};

/// The policy as it is written.
const DATALOG: &str = include_str!("policy.datalog");

/// It is ours and small, and evaluated at the start: no reason to give up early.
const LIMITS: AuthorizerLimits =
    AuthorizerLimits { max_facts: 10_000, max_iterations: 100, max_time: Duration::from_mins(1) };

/// The policy, as a table of roles and rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatalogPolicy(BTreeSet<(Role, Right)>);

impl DatalogPolicy {
    /// Evaluates the policy.
    pub fn load() -> Self {
        let pairs = evaluate(DATALOG).expect("the tests evaluate the same text");
        Self(pairs.iter().filter_map(|(role, right)| Some((Role::parse(role)?, Right::parse(right)?))).collect())
    }

    /// The policy as it is written, to be read by people.
    pub const fn datalog() -> &'static str {
        DATALOG
    }
}

impl Policy for DatalogPolicy {
    fn grants(&self, role: Role, right: Right) -> bool {
        self.0.contains(&(role, right))
    }
}

/// Every pair of a role and a right that follows.
fn evaluate(datalog: &str) -> Result<Vec<(String, String)>, Token> {
    let builder = AuthorizerBuilder::new().set_limits(LIMITS).code(datalog)?;
    builder.build_unauthenticated()?.query_all("data($role, $right) <- grants($role, $right)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_only_roles_and_rights_that_exist() {
        for (role, right) in evaluate(DATALOG).expect("the policy is Datalog") {
            assert!(Role::parse(&role).is_some(), "there is no role {role}");
            assert!(Right::parse(&right).is_some(), "there is no right {right}");
        }
        let mut named = AuthorizerBuilder::new().set_limits(LIMITS).code(DATALOG).expect("it is Datalog");
        named = named.code("named($r) <- role($r); named($r) <- right($r, $x); named($r) <- inherits($r, $x); named($r) <- inherits($x, $r);").expect("it is Datalog");
        let mut named = named.build_unauthenticated().expect("there is no token that could be wrong");
        let roles: Vec<(String,)> = named.query_all("data($role) <- named($role)").expect("it can be asked");
        assert!(roles.iter().all(|(role,)| Role::parse(role).is_some()), "{roles:?}");
        assert_eq!(roles.len(), Role::ALL.len(), "every role is in the policy");
    }

    #[test]
    fn every_right_is_granted_to_a_role_and_every_role_has_a_right() {
        let policy = DatalogPolicy::load();
        for right in Right::ALL {
            assert!(Role::ALL.iter().any(|role| policy.grants(*role, right)), "nobody may {}", right.as_str());
        }
        for role in Role::ALL {
            assert!(Right::ALL.iter().any(|right| policy.grants(role, *right)), "{} may nothing", role.as_str());
        }
    }

    #[test]
    fn people_inherit_upwards_and_admins_do_everything_but_an_agents_part() {
        let policy = DatalogPolicy::load();
        let ladder = [Role::Viewer, Role::Operator, Role::Designer, Role::Admin];
        for pair in ladder.windows(2) {
            for right in Right::ALL {
                assert!(!policy.grants(pair[0], right) || policy.grants(pair[1], right), "{pair:?} {}", right.as_str());
            }
        }
        for right in Right::ALL {
            assert_eq!(policy.grants(Role::Admin, right), right != Right::TasksReport, "{}", right.as_str());
        }
    }

    #[test]
    fn each_role_has_what_it_is_for() {
        let policy = DatalogPolicy::load();
        let rights = |role| Right::ALL.into_iter().filter(|right| policy.grants(role, *right)).collect::<Vec<_>>();
        assert!(rights(Role::Viewer).iter().all(|right| right.reads()));
        assert!(!policy.grants(Role::Viewer, Right::AuditRead));
        assert!(policy.grants(Role::Operator, Right::RunsExecute) && policy.grants(Role::Operator, Right::RunsControl));
        assert!(!policy.grants(Role::Operator, Right::WorkflowsWrite));
        assert!(policy.grants(Role::Designer, Right::WorkflowsWrite));
        assert!(!policy.grants(Role::Designer, Right::AgentsWrite));
        assert_eq!(rights(Role::Agent), [Right::TasksReport]);
    }
}
