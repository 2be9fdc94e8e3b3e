//! API keys over HTTP.

use actix_web::http::Method;
use application::access::{AccessUseCases, CreateApiKeyError, GetApiKeyError, RevokeApiKeyError, RotateApiKeyError};
use domain::{
    access::{Access, Right},
    ports::Clock,
};

use super::access::GROUP;
use crate::{
    api::{About, Body, Caller, Declarations, Known, Located, NotKept, Path, Query, Reply, State},
    dto::{
        MessageView, access_examples as shown,
        api_keys::{ApiKeyPath, ApiKeyQuery, ApiKeyView, CreateApiKey, IssuedApiKeyView, RotateApiKey},
        examples,
        lists::{ListQuery as _, PageView},
    },
    problem::{Code, Mistake, Part, Problem},
};

const COLLECTION: &str = "/api/v1/api-keys";
const ONE: &str = "/api/v1/api-keys/{key_id}";
const MANAGE: Access = Access::Needs(Right::AccessManage);

pub(super) fn declare(api: Declarations) -> Declarations {
    api.route(
        Method::POST,
        COLLECTION,
        MANAGE,
        create_api_key,
        About::new(
            GROUP,
            "Make an API key",
            "The answer is the only one that ever holds the key itself. Nobody can give a key more than they have themselves.",
        )
        .repeatable().sends(shown::new_key())
        .answers(shown::issued_key())
        .refuses(&[Code::ApiKeyNameTaken, Code::StoreUnavailable]),
    )
    .route(
        Method::GET,
        COLLECTION,
        MANAGE,
        list_api_keys,
        About::new(GROUP, "List API keys", "The newest first, revoked ones included.")
            .answers(examples::page(&shown::key()))
            .refuses(&[Code::StoreUnavailable]),
    )
    .route(
        Method::GET,
        ONE,
        MANAGE,
        get_api_key,
        About::new(GROUP, "Read an API key", "All but its secret, which is not stored.")
            .answers(shown::key())
            .refuses(&[Code::ApiKeyNotFound, Code::StoreUnavailable]),
    )
    .route(
        Method::POST,
        "/api/v1/api-keys/{key_id}/rotate",
        MANAGE,
        rotate_api_key,
        About::new(
            GROUP,
            "Give an API key a new secret",
            "The key keeps its id, name and scope. The secret before stays good for `grace_seconds`, so that its holders can change \
             over; one from a rotation before that does not. Tokens that were exchanged for the key stay good until they end.",
        )
        .repeatable().sends(shown::rotate())
        .answers(shown::issued_key())
        .refuses(&[Code::ApiKeyNotFound, Code::ApiKeyEnded, Code::ConcurrentChange, Code::StoreUnavailable]),
    )
    .route(
        Method::DELETE,
        ONE,
        MANAGE,
        revoke_api_key,
        About::new(
            GROUP,
            "Revoke an API key",
            "It, and the tokens that were exchanged for it, are worth nothing within a second, for good. It stays in the list.",
        )
        .answers(examples::message("API key revoked successfully"))
        .refuses(&[Code::ApiKeyNotFound, Code::LastAdministrator, Code::ConcurrentChange, Code::StoreUnavailable]),
    )
}

async fn create_api_key(
    Known(session): Known,
    Caller(by): Caller,
    State(access): State<AccessUseCases>,
    Body(body): Body<CreateApiKey>,
) -> Result<NotKept<Located<201, IssuedApiKeyView>>, Problem> {
    let new = body.command().map_err(Problem::internal)?;
    let issued = access.create_api_key.execute(new, &session, &by).await?;
    let id = issued.key.id;
    Ok(NotKept(Located::new(COLLECTION, id, issued.into())))
}

async fn list_api_keys(
    State(access): State<AccessUseCases>,
    Query(query): Query<ApiKeyQuery>,
) -> Result<Reply<200, PageView<ApiKeyView>>, Problem> {
    Ok(Reply(query.view(access.list_api_keys.execute(query.page()).await?)))
}

async fn get_api_key(
    State(access): State<AccessUseCases>,
    Path(path): Path<ApiKeyPath>,
) -> Result<Reply<200, ApiKeyView>, Problem> {
    Ok(Reply(access.get_api_key.execute(path.id()).await?.into()))
}

async fn rotate_api_key(
    Known(session): Known,
    Caller(by): Caller,
    State(access): State<AccessUseCases>,
    Path(path): Path<ApiKeyPath>,
    body: Option<Body<RotateApiKey>>,
) -> Result<NotKept<Reply<200, IssuedApiKeyView>>, Problem> {
    let grace = body.map(|Body(rotate)| rotate).unwrap_or_default().grace();
    let issued = access.rotate_api_key.execute(path.id(), grace, &session, &by).await?;
    Ok(NotKept(Reply(issued.into())))
}

async fn revoke_api_key(
    Caller(by): Caller,
    State(access): State<AccessUseCases>,
    State(clock): State<dyn Clock>,
    Path(path): Path<ApiKeyPath>,
) -> Result<Reply<200, MessageView>, Problem> {
    access.revoke_api_key.execute(path.id(), &by).await?;
    Ok(Reply(MessageView::new("API key revoked successfully".to_owned(), clock.now())))
}

impl From<CreateApiKeyError> for Problem {
    fn from(error: CreateApiKeyError) -> Self {
        let text = error.to_string();
        match error {
            CreateApiKeyError::NameTaken(_) => Self::new(Code::ApiKeyNameTaken, text).at("/name"),
            CreateApiKeyError::Ended => {
                let mistake = Mistake::new(Part::Body, "/expires_at", "value_error", "must be in the future");
                Self::mistakes(Code::ValidationFailed, vec![mistake])
            }
            CreateApiKeyError::Forbidden(forbidden) => Self::forbidden(forbidden),
            CreateApiKeyError::Store(error) => error.into(),
        }
    }
}

impl From<GetApiKeyError> for Problem {
    fn from(error: GetApiKeyError) -> Self {
        let text = error.to_string();
        match error {
            GetApiKeyError::NotFound(_) => Self::new(Code::ApiKeyNotFound, text),
            GetApiKeyError::Store(error) => error.into(),
        }
    }
}

impl From<RotateApiKeyError> for Problem {
    fn from(error: RotateApiKeyError) -> Self {
        let text = error.to_string();
        match error {
            RotateApiKeyError::NotFound(_) => Self::new(Code::ApiKeyNotFound, text),
            RotateApiKeyError::Ended(_) => Self::new(Code::ApiKeyEnded, text),
            RotateApiKeyError::Forbidden(forbidden) => Self::forbidden(forbidden),
            RotateApiKeyError::Store(error) => error.into(),
        }
    }
}

impl From<RevokeApiKeyError> for Problem {
    fn from(error: RevokeApiKeyError) -> Self {
        let text = error.to_string();
        match error {
            RevokeApiKeyError::NotFound(_) => Self::new(Code::ApiKeyNotFound, text),
            RevokeApiKeyError::LastAdmin => Self::new(Code::LastAdministrator, text),
            RevokeApiKeyError::Store(error) => error.into(),
        }
    }
}
