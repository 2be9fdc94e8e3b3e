//! Steps of type `fork_join`.

use serde_json::Value;

use super::{BranchContent, Content, Reader};
use crate::workflows::{limits::MAX_MEMBERS, plan::JoinPolicy};

impl Reader<'_> {
    pub(super) fn fork_join(&mut self) -> Option<Content> {
        let (prefix, config) = self.config("fork_join_config")?;
        let at = |member: &'static str| prefix.iter().copied().chain([member]).collect::<Vec<&str>>();
        let all = self.seconds(&at("branch_timeout_seconds"), config("branch_timeout_seconds"));
        let branches = match config("branches") {
            Some(Value::Object(branches)) if (2..=MAX_MEMBERS).contains(&branches.len()) => {
                let mut read = Vec::with_capacity(branches.len());
                for (name, branch) in branches {
                    let at: Vec<&str> = prefix.iter().copied().chain(["branches", name.as_str()]).collect();
                    read.push(self.branch(&at, name, branch, all.flatten()));
                }
                read.into_iter().collect::<Option<Vec<_>>>()
            }
            Some(Value::Object(branches)) => {
                let message = format!("{} branches; there must be 2 to {MAX_MEMBERS} (fork branches)", branches.len());
                self.error(&at("branches"), "branch_count", message);
                None
            }
            Some(_) | None => {
                let message = "'branches' must be an object of at least 2 branches".to_owned();
                self.error(&at("branches"), "branches_missing", message);
                None
            }
        };
        let count = u32::try_from(branches.as_ref().map_or(0, Vec::len)).unwrap_or(u32::MAX);
        let needed = self.count(&at("n_required"), config("n_required"), u32::MAX);
        let policies = [("all", 0), ("any", 1), ("majority", 2), ("n_of_m", 3)];
        let policy = self.one_of(&at("join_policy"), config("join_policy"), &policies).unwrap_or_default();
        let policy = match (policy, needed.flatten()) {
            (0, _) => JoinPolicy::All,
            (1, _) => JoinPolicy::Any,
            (2, _) => JoinPolicy::Majority,
            (_, Some(needed)) if needed <= count || branches.is_none() => JoinPolicy::AtLeast(needed),
            (_, Some(needed)) => {
                let message = format!("{needed} of {count} branches can never succeed");
                self.error(&at("n_required"), "n_required", message);
                self.findings.hint(format!("write a number from 1 to {count}"));
                JoinPolicy::All
            }
            // A number that is none has been reported.
            (_, None) if config("n_required").is_some() => JoinPolicy::All,
            (_, None) => {
                let message = "the policy 'n_of_m' needs n_required".to_owned();
                self.error(&at("n_required"), "n_required", message);
                self.findings.hint("write how many branches must succeed, or use 'all', 'any' or 'majority'");
                JoinPolicy::All
            }
        };
        let timeout_seconds = self.timeout().flatten();
        Some(Content::ForkJoin { branches: branches?, policy, timeout_seconds })
    }

    fn branch(&mut self, at: &[&str], name: &str, branch: &Value, all: Option<u32>) -> Option<BranchContent> {
        let Some(members) = branch.as_object() else {
            self.error(at, "not_an_object", format!("the branch '{name}' must be an object"));
            return None;
        };
        let member = |name: &str| members.get(name).filter(|value| !value.is_null());
        let place = |name: &'static str| at.iter().copied().chain([name]).collect::<Vec<&str>>();
        let steps = self.ids(&place("steps"), member("steps"), 1, MAX_MEMBERS);
        let timeout = self.seconds(&place("timeout_seconds"), member("timeout_seconds"));
        Some(BranchContent { name: name.into(), steps: steps?, timeout_seconds: timeout.flatten().or(all) })
    }
}
