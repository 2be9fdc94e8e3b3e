//! People over HTTP.

use actix_web::http::Method;
use application::access::{AccessUseCases, CreateUserError, DeleteUserError, GetUserError, UpdateUserError};
use domain::{
    access::{Access, Right},
    ports::Clock,
};

use super::access::GROUP;
use crate::{
    api::{About, Body, Caller, Declarations, Known, Located, Path, Query, Reply, State},
    dto::{
        MessageView, access_examples as shown, examples,
        lists::{ListQuery as _, PageView},
        users::{CreateUser, UpdateUser, UserPath, UserQuery, UserView},
    },
    problem::{Code, Problem},
};

const COLLECTION: &str = "/api/v1/users";
const ONE: &str = "/api/v1/users/{user_id}";
const MANAGE: Access = Access::Needs(Right::AccessManage);

pub(super) fn declare(api: Declarations) -> Declarations {
    api.route(
        Method::POST,
        COLLECTION,
        MANAGE,
        create_user,
        About::new(GROUP, "Let a person log in", "Nobody can give a person more than they have themselves.")
            .repeatable().sends(shown::new_user())
            .answers(shown::user())
            .refuses(&[Code::UserNameTaken, Code::StoreUnavailable]),
    )
    .route(
        Method::GET,
        COLLECTION,
        MANAGE,
        list_users,
        About::new(GROUP, "List people", "By name, inactive ones included.")
            .answers(examples::page(&shown::user()))
            .refuses(&[Code::StoreUnavailable]),
    )
    .route(
        Method::GET,
        ONE,
        MANAGE,
        get_user,
        About::new(GROUP, "Read a person", "All but the password, of which only a hash is stored.")
            .answers(shown::user())
            .refuses(&[Code::UserNotFound, Code::StoreUnavailable]),
    )
    .route(
        Method::PUT,
        ONE,
        MANAGE,
        update_user,
        About::new(
            GROUP,
            "Change a person",
            "Changes role, state or password. Each change ends earlier log-ins within a second.",
        )
        .sends(shown::user_changes())
        .answers(shown::user())
        .refuses(&[Code::UserNotFound, Code::LastAdministrator, Code::ConcurrentChange, Code::StoreUnavailable]),
    )
    .route(
        Method::DELETE,
        ONE,
        MANAGE,
        delete_user,
        About::new(
            GROUP,
            "Remove a person",
            "Log-ins end within a second, and the name is free. To keep somebody out for a while, set `active` to false.",
        )
        .answers(examples::deleted("User"))
        .refuses(&[Code::UserNotFound, Code::LastAdministrator, Code::ConcurrentChange, Code::StoreUnavailable]),
    )
}

async fn create_user(
    Known(session): Known,
    Caller(by): Caller,
    State(access): State<AccessUseCases>,
    Body(body): Body<CreateUser>,
) -> Result<Located<201, UserView>, Problem> {
    let new = body.command().map_err(Problem::internal)?;
    let user = access.create_user.execute(new, &session, &by).await?;
    Ok(Located::new(COLLECTION, user.id, user.into()))
}

async fn list_users(
    State(access): State<AccessUseCases>,
    Query(query): Query<UserQuery>,
) -> Result<Reply<200, PageView<UserView>>, Problem> {
    Ok(Reply(query.view(access.list_users.execute(query.page()).await?)))
}

async fn get_user(
    State(access): State<AccessUseCases>,
    Path(path): Path<UserPath>,
) -> Result<Reply<200, UserView>, Problem> {
    Ok(Reply(access.get_user.execute(path.id()).await?.into()))
}

async fn update_user(
    Known(session): Known,
    Caller(by): Caller,
    State(access): State<AccessUseCases>,
    Path(path): Path<UserPath>,
    Body(body): Body<UpdateUser>,
) -> Result<Reply<200, UserView>, Problem> {
    Ok(Reply(access.update_user.execute(path.id(), body.changes(), &session, &by).await?.into()))
}

async fn delete_user(
    Caller(by): Caller,
    State(access): State<AccessUseCases>,
    State(clock): State<dyn Clock>,
    Path(path): Path<UserPath>,
) -> Result<Reply<200, MessageView>, Problem> {
    access.delete_user.execute(path.id(), &by).await?;
    Ok(Reply(MessageView::new("User deleted successfully".to_owned(), clock.now())))
}

impl From<CreateUserError> for Problem {
    fn from(error: CreateUserError) -> Self {
        let text = error.to_string();
        match error {
            CreateUserError::NameTaken(_) => Self::new(Code::UserNameTaken, text).at("/name"),
            CreateUserError::Forbidden(forbidden) => Self::forbidden(forbidden),
            CreateUserError::Store(error) => error.into(),
        }
    }
}

impl From<GetUserError> for Problem {
    fn from(error: GetUserError) -> Self {
        let text = error.to_string();
        match error {
            GetUserError::NotFound(_) => Self::new(Code::UserNotFound, text),
            GetUserError::Store(error) => error.into(),
        }
    }
}

impl From<UpdateUserError> for Problem {
    fn from(error: UpdateUserError) -> Self {
        let text = error.to_string();
        match error {
            UpdateUserError::NotFound(_) => Self::new(Code::UserNotFound, text),
            UpdateUserError::LastAdmin => Self::new(Code::LastAdministrator, text),
            UpdateUserError::Forbidden(forbidden) => Self::forbidden(forbidden),
            UpdateUserError::Store(error) => error.into(),
        }
    }
}

impl From<DeleteUserError> for Problem {
    fn from(error: DeleteUserError) -> Self {
        let text = error.to_string();
        match error {
            DeleteUserError::NotFound(_) => Self::new(Code::UserNotFound, text),
            DeleteUserError::LastAdmin => Self::new(Code::LastAdministrator, text),
            DeleteUserError::Store(error) => error.into(),
        }
    }
}
