//! Webhooks over HTTP.

use actix_web::http::Method;
use application::webhooks::{CreateWebhookError, GetWebhookError, RedeliverError, UpdateWebhookError, WebhookUseCases};
use domain::{
    access::{Access, Right},
    ports::Clock,
    webhooks::DisabledWhy,
};

use crate::{
    api::{About, Body, Caller, Declarations, Located, NotKept, Path, Query, Reply, State},
    dto::{
        MessageView, examples,
        lists::{ListQuery, PageView},
        webhook_examples as shown,
        webhook_views::{DeliveryView, IssuedWebhookView, TestedView, WebhookView},
        webhooks::{
            CreateWebhook, DeliveryPath, DeliveryQuery, RotateSecret, UpdateWebhook, WebhookPath, WebhookQuery,
        },
    },
    problem::{Code, Problem},
};

pub(super) const GROUP: &str = "webhooks";

const COLLECTION: &str = "/api/v1/webhooks";
const ONE: &str = "/api/v1/webhooks/{webhook_id}";
const MANAGE: Access = Access::Needs(Right::WebhooksManage);

pub(super) fn declare(api: Declarations) -> Declarations {
    deliveries(changes(api))
}

fn changes(api: Declarations) -> Declarations {
    api.route(
        Method::POST,
        COLLECTION,
        MANAGE,
        create_webhook,
        About::new(
            GROUP,
            "Make a webhook",
            "From now on it is told what becomes of runs: a message for each change of a status, signed as Standard Webhooks \
             says. The answer is the only one that ever holds the secret.",
        )
        .sends(shown::settings())
        .answers(shown::issued())
        .refuses(&[Code::WebhookNameTaken, Code::StoreUnavailable]),
    )
    .route(
        Method::GET,
        COLLECTION,
        MANAGE,
        list_webhooks,
        About::new(GROUP, "List webhooks", "A page of them, by name.")
            .answers(examples::page(&shown::webhook()))
            .refuses(&[Code::StoreUnavailable]),
    )
    .route(
        Method::GET,
        ONE,
        MANAGE,
        get_webhook,
        About::new(GROUP, "Read a webhook", "All but its secrets, which are stored encrypted and never told again.")
            .answers(shown::webhook())
            .refuses(&[Code::WebhookNotFound, Code::StoreUnavailable]),
    )
    .route(
        Method::PUT,
        ONE,
        MANAGE,
        update_webhook,
        About::new(
            GROUP,
            "Change a webhook",
            "Replaces all that can be said about it; what is left out is as in a new one. Its secret, and whether it is enabled, \
             stay. What waits for it is sent to the new URL.",
        )
        .sends(shown::settings())
        .answers(shown::webhook())
        .refuses(&[Code::WebhookNotFound, Code::WebhookNameTaken, Code::ConcurrentChange, Code::StoreUnavailable]),
    )
    .route(
        Method::DELETE,
        ONE,
        MANAGE,
        delete_webhook,
        About::new(GROUP, "Delete a webhook", "With its deliveries. A message that is under way may still arrive.")
            .answers(examples::deleted("Webhook"))
            .refuses(&[Code::WebhookNotFound, Code::ConcurrentChange, Code::StoreUnavailable]),
    )
    .route(
        Method::POST,
        "/api/v1/webhooks/{webhook_id}/rotate-secret",
        MANAGE,
        rotate_secret,
        About::new(
            GROUP,
            "Give a webhook a new secret",
            "For `grace_seconds` messages are signed with both secrets, so that the receiver can change over at any time; not with \
             one from a rotation before that.",
        )
        .sends(shown::rotate())
        .answers(shown::issued())
        .refuses(&[Code::WebhookNotFound, Code::ConcurrentChange, Code::StoreUnavailable]),
    )
    .route(
        Method::POST,
        "/api/v1/webhooks/{webhook_id}/enable",
        MANAGE,
        enable_webhook,
        About::new(
            GROUP,
            "Enable a webhook",
            "Messages are sent to it again. What was pending when it was disabled is sent; of what has happened meanwhile it is not \
             told.",
        )
        .answers(shown::webhook())
        .refuses(&[Code::WebhookNotFound, Code::ConcurrentChange, Code::StoreUnavailable]),
    )
    .route(
        Method::POST,
        "/api/v1/webhooks/{webhook_id}/disable",
        MANAGE,
        disable_webhook,
        About::new(
            GROUP,
            "Disable a webhook",
            "Nothing is sent to it until it is enabled. What is pending waits; of what happens meanwhile it is not told.",
        )
        .answers(shown::webhook())
        .refuses(&[Code::WebhookNotFound, Code::ConcurrentChange, Code::StoreUnavailable]),
    )
}

fn deliveries(api: Declarations) -> Declarations {
    api.route(
        Method::POST,
        "/api/v1/webhooks/{webhook_id}/test",
        MANAGE,
        test_webhook,
        About::new(
            GROUP,
            "Test a webhook",
            "Sends a message of the type `webhook.test` at once, enabled or not, and answers what came back. It is not repeated.",
        )
        .answers(shown::tested())
        .refuses(&[Code::WebhookNotFound, Code::StoreUnavailable]),
    )
    .route(
        Method::GET,
        "/api/v1/webhooks/{webhook_id}/deliveries",
        MANAGE,
        list_deliveries,
        About::new(
            GROUP,
            "List what was sent to a webhook",
            "And what is to be, those of the newest changes first, each with the log of its attempts.",
        )
        .answers(examples::page(&shown::delivery()))
        .refuses(&[Code::WebhookNotFound, Code::StoreUnavailable]),
    )
    .route(
        Method::POST,
        "/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
        MANAGE,
        redeliver,
        About::new(
            GROUP,
            "Send a message to a webhook again",
            "Whatever came of it: the same message, by its id too, with all its attempts before it. A receiver that has it already \
             knows it by that id.",
        )
        .answers(shown::delivery())
        .refuses(&[Code::WebhookNotFound, Code::DeliveryNotFound, Code::StoreUnavailable]),
    )
}

async fn create_webhook(
    Caller(by): Caller,
    State(webhooks): State<WebhookUseCases>,
    Body(body): Body<CreateWebhook>,
) -> Result<NotKept<Located<201, IssuedWebhookView>>, Problem> {
    let secret = body.secret().map_err(Problem::internal)?;
    let settings = body.settings().map_err(Problem::internal)?;
    let webhook = webhooks.create.execute(settings, secret, &by).await?;
    Ok(NotKept(Located::new(COLLECTION, webhook.id, webhook.into())))
}

async fn list_webhooks(
    State(webhooks): State<WebhookUseCases>,
    Query(query): Query<WebhookQuery>,
) -> Result<Reply<200, PageView<WebhookView>>, Problem> {
    Ok(Reply(query.view(webhooks.list.execute(query.page()).await?)))
}

async fn get_webhook(
    State(webhooks): State<WebhookUseCases>,
    Path(path): Path<WebhookPath>,
) -> Result<Reply<200, WebhookView>, Problem> {
    Ok(Reply(webhooks.get.execute(path.id()).await?.into()))
}

async fn update_webhook(
    Caller(by): Caller,
    State(webhooks): State<WebhookUseCases>,
    Path(path): Path<WebhookPath>,
    Body(body): Body<UpdateWebhook>,
) -> Result<Reply<200, WebhookView>, Problem> {
    let settings = body.settings().map_err(Problem::internal)?;
    Ok(Reply(webhooks.update.execute(path.id(), settings, &by).await?.into()))
}

async fn delete_webhook(
    Caller(by): Caller,
    State(webhooks): State<WebhookUseCases>,
    State(clock): State<dyn Clock>,
    Path(path): Path<WebhookPath>,
) -> Result<Reply<200, MessageView>, Problem> {
    webhooks.delete.execute(path.id(), &by).await?;
    Ok(Reply(MessageView::new("Webhook deleted successfully".to_owned(), clock.now())))
}

async fn rotate_secret(
    Caller(by): Caller,
    State(webhooks): State<WebhookUseCases>,
    Path(path): Path<WebhookPath>,
    body: Option<Body<RotateSecret>>,
) -> Result<NotKept<Reply<200, IssuedWebhookView>>, Problem> {
    let rotate = body.map(|Body(rotate)| rotate).unwrap_or_default();
    let secret = rotate.secret().map_err(Problem::internal)?;
    let webhook = webhooks.rotate_secret.execute(path.id(), secret, rotate.grace(), &by).await?;
    Ok(NotKept(Reply(webhook.into())))
}

async fn enable_webhook(
    Caller(by): Caller,
    State(webhooks): State<WebhookUseCases>,
    Path(path): Path<WebhookPath>,
) -> Result<Reply<200, WebhookView>, Problem> {
    Ok(Reply(webhooks.enable.execute(path.id(), &by).await?.into()))
}

async fn disable_webhook(
    Caller(by): Caller,
    State(webhooks): State<WebhookUseCases>,
    Path(path): Path<WebhookPath>,
) -> Result<Reply<200, WebhookView>, Problem> {
    Ok(Reply(webhooks.disable.execute(path.id(), DisabledWhy::Asked, &by).await?.into()))
}

async fn test_webhook(
    Caller(by): Caller,
    State(webhooks): State<WebhookUseCases>,
    Path(path): Path<WebhookPath>,
) -> Result<Reply<200, TestedView>, Problem> {
    Ok(Reply(webhooks.test.execute(path.id(), &by).await?.into()))
}

async fn list_deliveries(
    State(webhooks): State<WebhookUseCases>,
    Path(path): Path<WebhookPath>,
    Query(query): Query<DeliveryQuery>,
) -> Result<Reply<200, PageView<DeliveryView>>, Problem> {
    let found = webhooks.deliveries.execute(path.id(), query.filter(), query.page()).await?;
    Ok(Reply(query.view(found)))
}

async fn redeliver(
    Caller(by): Caller,
    State(webhooks): State<WebhookUseCases>,
    Path(path): Path<DeliveryPath>,
) -> Result<Reply<202, DeliveryView>, Problem> {
    Ok(Reply(webhooks.redeliver.execute(path.webhook(), path.delivery(), &by).await?.into()))
}

impl From<CreateWebhookError> for Problem {
    fn from(error: CreateWebhookError) -> Self {
        let text = error.to_string();
        match error {
            CreateWebhookError::NameTaken(_) => Self::new(Code::WebhookNameTaken, text).at("/name"),
            CreateWebhookError::Host(refused) => refused.into(),
            CreateWebhookError::Store(error) => error.into(),
        }
    }
}

impl From<GetWebhookError> for Problem {
    fn from(error: GetWebhookError) -> Self {
        let text = error.to_string();
        match error {
            GetWebhookError::NotFound(_) => Self::new(Code::WebhookNotFound, text),
            GetWebhookError::Store(error) => error.into(),
        }
    }
}

impl From<UpdateWebhookError> for Problem {
    fn from(error: UpdateWebhookError) -> Self {
        let text = error.to_string();
        match error {
            UpdateWebhookError::NotFound(_) => Self::new(Code::WebhookNotFound, text),
            UpdateWebhookError::NameTaken(_) => Self::new(Code::WebhookNameTaken, text).at("/name"),
            UpdateWebhookError::Host(refused) => refused.into(),
            UpdateWebhookError::Store(error) => error.into(),
        }
    }
}

impl From<RedeliverError> for Problem {
    fn from(error: RedeliverError) -> Self {
        let text = error.to_string();
        match error {
            RedeliverError::NoWebhook(_) => Self::new(Code::WebhookNotFound, text),
            RedeliverError::NoDelivery(_) => Self::new(Code::DeliveryNotFound, text),
            RedeliverError::Store(error) => error.into(),
        }
    }
}
