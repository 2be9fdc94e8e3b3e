//! People who log in.

use application::access::{NewUser, UserChanges};
use domain::{
    access::{AccountName, InvalidName, User},
    agents::Secret,
    ids::UserId,
};
use garde::{Path, Report, Validate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Stamp,
    access::RoleName,
    cursor::Places,
    lists::{self, ListQuery, Which},
};

/// Names one person.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub(crate) struct UserPath {
    /// The person's id.
    user_id: Uuid,
}

impl UserPath {
    pub(crate) fn id(&self) -> UserId {
        UserId::new(self.user_id)
    }
}

/// Which page of the people is wanted.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserQuery {
    /// The number of the page, from 1; the first one without it. A late page costs more than an early one, and items that are
    /// added meanwhile shift it: whoever reads a list to its end goes by `cursor`.
    #[schemars(range(min = 1, max = 1_000_000))]
    page: Option<u32>,
    /// The `next_cursor` of a page, to read the one that follows; the other parameters but `page_size` must be the same, and there
    /// must be no `page`.
    #[schemars(length(min = 1, max = 2800))]
    cursor: Option<String>,
    /// How many items a page holds.
    #[serde(default = "lists::twenty")]
    #[schemars(range(min = 1, max = 100))]
    page_size: u32,
}

impl Validate for UserQuery {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        self.check_page(parent, report);
    }
}

impl ListQuery for UserQuery {
    const LIST: &'static str = "users";

    fn places(&self) -> Places {
        Places::ByName
    }

    fn which(&self) -> Which<'_> {
        Which { cursor: self.cursor.as_deref(), page: self.page, page_size: self.page_size }
    }
}

/// A person who is to log in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateUser {
    /// The name to log in with; unique.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// The first password.
    #[schemars(length(min = 12, max = 1024))]
    password: String,
    /// What the person is trusted with: no more than the caller is.
    role: RoleName,
    /// Whether the person is shown statuses and no data.
    #[serde(default)]
    hides_payloads: bool,
}

impl Validate for CreateUser {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        if let Err(invalid) = AccountName::parse(&self.name) {
            report.append(parent().join("name"), garde::Error::new(invalid.to_string()));
        }
    }
}

impl CreateUser {
    /// The person who is to be added. Fails only where [`Validate`] would have.
    pub(crate) fn command(self) -> Result<NewUser, InvalidName> {
        Ok(NewUser {
            name: AccountName::parse(&self.name)?,
            password: Secret::new(self.password),
            role: self.role.into(),
            hides_payloads: self.hides_payloads,
        })
    }
}

/// What is to change about a person; what is left out stays. Every change ends earlier log-ins.
#[derive(Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct UpdateUser {
    /// What the person is trusted with.
    role: Option<RoleName>,
    /// Whether the person may log in.
    active: Option<bool>,
    /// Whether the person is shown statuses and no data.
    hides_payloads: Option<bool>,
    /// A new password. It also ends the waiting after wrong ones.
    #[schemars(length(min = 12, max = 1024))]
    password: Option<String>,
}

impl UpdateUser {
    pub(crate) fn changes(self) -> UserChanges {
        UserChanges {
            role: self.role.map(Into::into),
            active: self.active,
            hides_payloads: self.hides_payloads,
            password: self.password.map(Secret::new),
        }
    }
}

/// A person who logs in.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "User")]
pub(crate) struct UserView {
    id: Uuid,
    /// The name to log in with.
    name: String,
    /// What the person is trusted with.
    role: RoleName,
    /// Whether the person is shown statuses and no data.
    hides_payloads: bool,
    /// Whether the person may log in.
    active: bool,
    /// Until when no password is tried, because too many were wrong; null where it does not matter.
    locked_until: Option<Stamp>,
    created_at: Stamp,
    updated_at: Stamp,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id.uuid(),
            name: user.name.as_str().to_owned(),
            role: user.role.into(),
            hides_payloads: user.hides_payloads,
            active: user.active,
            locked_until: user.locked_until.map(Stamp),
            created_at: Stamp(user.created_at),
            updated_at: Stamp(user.updated_at),
        }
    }
}

impl crate::api::Checked for UserPath {}
impl crate::api::Checked for UserQuery {}
impl crate::api::Checked for CreateUser {}
impl crate::api::Checked for UpdateUser {}
