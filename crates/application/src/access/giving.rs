//! Nobody gives more than they have.

use std::collections::BTreeSet;

use domain::{
    access::{Forbidden, Right, Role, Scope},
    ports::Policy,
};

use super::{Bounds, Session};

/// What a credential is trusted with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trust<'a> {
    pub(super) role: Role,
    pub(super) scope: &'a Scope,
    pub(super) hides_payloads: bool,
    /// From where and until when; None for people, who log in from anywhere for as long as they are active.
    pub(super) bounds: Option<&'a Bounds>,
}

/// Whether the caller may give somebody this trust, or change what already has it.
pub(super) fn may_give(policy: &dyn Policy, caller: &Session, given: Trust<'_>) -> Result<(), Forbidden> {
    if caller.is_attenuated() {
        return Err(Forbidden::Attenuated);
    }
    let own = &caller.principal;
    // An administrator may give roles whose rights are of another kind, such as an agent's.
    let lacks = |right: &Right| policy.grants(given.role, *right) && !policy.grants(own.role, *right);
    if own.role != Role::Admin
        && own.role != given.role
        && let Some(right) = Right::ALL.iter().find(|right| lacks(right))
    {
        return Err(Forbidden::Exceeds { given: given.role, own: own.role, right: *right });
    }
    within("workflows", own.scope.workflows.as_ref(), given.scope.workflows.as_ref())?;
    within("agents", own.scope.agents.as_ref(), given.scope.agents.as_ref())?;
    if own.hides_payloads && !given.hides_payloads {
        return Err(Forbidden::OutOfScope("it does not see payloads".to_owned()));
    }
    match given.bounds {
        Some(bounds) => caller.bounds.take_in(bounds),
        // Whoever is let in by a bounded administrator for good could undo what bounds that one.
        None if !caller.bounds.are_open() && policy.grants(given.role, Right::AccessManage) => {
            Err(Forbidden::OutOfScope(
                "it ends, or is for some networks only, so it must not make or change people who manage access"
                    .to_owned(),
            ))
        }
        None => Ok(()),
    }
}

fn within(what: &str, own: Option<&BTreeSet<String>>, given: Option<&BTreeSet<String>>) -> Result<(), Forbidden> {
    let Some(own) = own else { return Ok(()) };
    let outside = match given {
        None => return Err(Forbidden::OutOfScope(format!("it may not give access to all {what}"))),
        Some(given) => given.difference(own).next(),
    };
    match outside {
        Some(name) => Err(Forbidden::OutOfScope(format!("'{name}' is not among the {what} that it may touch"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use domain::access::Principal;

    use super::*;
    use crate::access::Proof;

    /// Each role reads; the later ones may do more.
    struct Ladder;

    impl Policy for Ladder {
        fn grants(&self, role: Role, right: Right) -> bool {
            match right {
                Right::RunsRead => role != Role::Agent,
                Right::RunsExecute => role >= Role::Operator && role != Role::Agent,
                Right::AccessManage => role == Role::Admin,
                Right::TasksReport => role == Role::Agent,
                _ => false,
            }
        }
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn giver(role: Role, scope: Scope) -> Session {
        let principal = Principal { role, scope, ..Principal::system() };
        Session::new(principal, Proof::Nothing)
    }

    fn give(giver: &Session, role: Role, scope: &Scope) -> Result<(), Forbidden> {
        may_give(&Ladder, giver, Trust { role, scope, hides_payloads: false, bounds: Some(&giver.bounds) })
    }

    #[test]
    fn a_role_gives_what_it_has_itself_and_an_administrator_every_role() {
        let open = Scope::default();
        let operator = giver(Role::Operator, open.clone());
        assert_eq!(give(&operator, Role::Operator, &open), Ok(()));
        assert_eq!(give(&operator, Role::Viewer, &open), Ok(()));
        for (given, right) in [(Role::Admin, Right::AccessManage), (Role::Agent, Right::TasksReport)] {
            let own = Role::Operator;
            assert_eq!(give(&operator, given, &open), Err(Forbidden::Exceeds { given, own, right }));
        }
        for role in Role::ALL {
            assert_eq!(give(&giver(Role::Admin, open.clone()), role, &open), Ok(()));
        }
    }

    #[test]
    fn a_scope_gives_nothing_beyond_itself() {
        let own = Scope { workflows: Some(names(&["a", "b"])), agents: None };
        let giver = giver(Role::Admin, own.clone());
        assert_eq!(give(&giver, Role::Viewer, &own), Ok(()));
        assert_eq!(
            give(&giver, Role::Viewer, &Scope { workflows: Some(names(&["a"])), agents: Some(names(&["x"])) }),
            Ok(())
        );
        for scope in [Scope::default(), Scope { workflows: Some(names(&["a", "c"])), agents: None }] {
            assert!(matches!(give(&giver, Role::Viewer, &scope), Err(Forbidden::OutOfScope(_))), "{scope:?}");
        }
    }

    #[test]
    fn who_is_bound_makes_nobody_who_manages_access_and_is_not() {
        let own = giver(Role::Admin, Scope::default());
        let end = domain::Timestamp::from_timestamp(1_800_000_000, 0);
        let networks = vec!["10.0.0.0/8".parse().expect("a network")];
        for bounds in [Bounds { networks, ends: None }, Bounds { networks: Vec::new(), ends: end }] {
            let bound = Session { bounds: bounds.clone(), ..own.clone() };
            let give = |role, bounds| {
                may_give(&Ladder, &bound, Trust { role, scope: &Scope::default(), hides_payloads: false, bounds })
            };
            assert!(matches!(give(Role::Admin, None), Err(Forbidden::OutOfScope(_))), "{bounds:?}");
            assert!(matches!(give(Role::Viewer, Some(&own.bounds)), Err(Forbidden::OutOfScope(_))), "{bounds:?}");
            assert_eq!(give(Role::Designer, None), Ok(()));
            assert_eq!(give(Role::Admin, Some(&bounds)), Ok(()));
        }
    }

    #[test]
    fn who_sees_no_payloads_gives_no_sight_of_them() {
        let mut giver = giver(Role::Admin, Scope::default());
        giver.principal.hides_payloads = true;
        assert!(matches!(give(&giver, Role::Viewer, &Scope::default()), Err(Forbidden::OutOfScope(_))));
        let blind = Trust { role: Role::Viewer, scope: &Scope::default(), hides_payloads: true, bounds: None };
        assert_eq!(may_give(&Ladder, &giver, blind), Ok(()));
    }
}
