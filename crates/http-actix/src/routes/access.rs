//! Being known: log-ins, tokens, and who one is.

use actix_web::http::Method;
use application::access::{AccessUseCases, ChangeOwnPasswordError, ExchangeKeyError, LogInError, RevokeTokenError};
use domain::access::Access;
use domain::ports::Clock;

use crate::{
    api::{About, Body, Caller, Declarations, Known, NotKept, Reply, State},
    dto::{
        MessageView,
        access::{ChangePassword, LogIn, MeView, RevokeTokens, TokenView, WantToken},
        access_examples as shown, examples,
    },
    problem::{Code, Problem},
};

pub(super) const GROUP: &str = "access";

pub(super) fn declare(api: Declarations) -> Declarations {
    api.route(
        Method::POST,
        "/api/v1/auth/login",
        Access::Public,
        log_in,
        About::new(
            GROUP,
            "Log in",
            "Answers a token that is good for half an hour, until the person's role, state or password change. The fifth wrong \
             password in a row costs a wait of a second, each further one twice as long, up to a quarter of an hour.",
        )
        .sends(shown::log_in())
        .answers(shown::token("user:alice"))
        .refuses(&[Code::LogInFailed, Code::StoreUnavailable]),
    )
    .route(
        Method::POST,
        "/api/v1/auth/token",
        Access::Known,
        exchange_key,
        About::new(
            GROUP,
            "Exchange an API key for a token",
            "Answers a short-lived token that has what the key has, or less if that is asked for. Whoever has it can restrict it \
             further without asking anybody, and hand it on.",
        )
        .sends(shown::want_token())
        .answers(shown::token("key:build server"))
        .refuses(&[Code::ApiKeyNeeded, Code::Forbidden, Code::OutOfScope, Code::TokenRestricted, Code::StoreUnavailable]),
    )
    .route(
        Method::GET,
        "/api/v1/auth/me",
        Access::Known,
        who_am_i,
        About::new(GROUP, "Who am I", "Tells whom the caller's credential stands for, and what it may do.")
            .answers(shown::me()),
    )
    .route(
        Method::POST,
        "/api/v1/auth/revoke",
        Access::Known,
        revoke_tokens,
        About::new(
            GROUP,
            "Revoke tokens",
            "They, and all tokens that were made from them, are worth nothing within a second. Whoever has a token may revoke it; \
             by revocation id only who manages access may. A token that has ended already is no mistake.",
        )
        .repeatable().sends(shown::revoke())
        .answers(examples::message("Revoked successfully"))
        .refuses(&[Code::NotAToken, Code::Forbidden, Code::OutOfScope, Code::TokenRestricted, Code::StoreUnavailable]),
    )
    .route(
        Method::POST,
        "/api/v1/auth/password",
        Access::Known,
        change_password,
        About::new(
            GROUP,
            "Change one's own password",
            "For somebody who has logged in. All log-ins end, this one too.",
        )
        .sends(shown::change_password())
        .answers(examples::message("Password changed successfully"))
        .refuses(&[Code::LogInNeeded, Code::PasswordRefused, Code::TokenRestricted, Code::StoreUnavailable]),
    )
}

async fn log_in(
    Caller(by): Caller,
    State(access): State<AccessUseCases>,
    Body(body): Body<LogIn>,
) -> Result<NotKept<Reply<200, TokenView>>, Problem> {
    let minted = access.log_in.execute(&body.name, &body.password(), &by).await?;
    Ok(NotKept(Reply(minted.into())))
}

async fn exchange_key(
    Known(session): Known,
    Caller(by): Caller,
    State(access): State<AccessUseCases>,
    body: Option<Body<WantToken>>,
) -> Result<NotKept<Reply<200, TokenView>>, Problem> {
    let wanted = body.map(|Body(wanted)| wanted).unwrap_or_default().wanted();
    let minted = access.exchange_key.execute(&session, wanted, &by).await?;
    Ok(NotKept(Reply(minted.into())))
}

async fn who_am_i(
    Known(session): Known,
    State(access): State<AccessUseCases>,
) -> Result<NotKept<Reply<200, MeView>>, Problem> {
    Ok(NotKept(Reply(MeView::new(session, &*access.policy))))
}

async fn revoke_tokens(
    Known(session): Known,
    Caller(by): Caller,
    State(access): State<AccessUseCases>,
    State(clock): State<dyn Clock>,
    Body(body): Body<RevokeTokens>,
) -> Result<Reply<200, MessageView>, Problem> {
    access.revoke_token.execute(body.revoked(), &session, &by).await?;
    Ok(Reply(MessageView::new("Revoked successfully".to_owned(), clock.now())))
}

async fn change_password(
    Known(session): Known,
    Caller(by): Caller,
    State(access): State<AccessUseCases>,
    State(clock): State<dyn Clock>,
    Body(body): Body<ChangePassword>,
) -> Result<Reply<200, MessageView>, Problem> {
    access.change_own_password.execute(&body.present(), &body.new_one(), &session, &by).await?;
    Ok(Reply(MessageView::new("Password changed successfully".to_owned(), clock.now())))
}

impl From<LogInError> for Problem {
    fn from(error: LogInError) -> Self {
        match error {
            LogInError::Refused => Self::new(Code::LogInFailed, error.to_string()),
            LogInError::Store(error) => error.into(),
        }
    }
}

impl From<ExchangeKeyError> for Problem {
    fn from(error: ExchangeKeyError) -> Self {
        match error {
            ExchangeKeyError::NotAKey => Self::new(Code::ApiKeyNeeded, error.to_string()),
            ExchangeKeyError::Forbidden(forbidden) => Self::forbidden(forbidden),
            ExchangeKeyError::Store(error) => error.into(),
        }
    }
}

impl From<RevokeTokenError> for Problem {
    fn from(error: RevokeTokenError) -> Self {
        match error {
            RevokeTokenError::NoToken => Self::new(Code::NotAToken, error.to_string()),
            RevokeTokenError::Forbidden(forbidden) => Self::forbidden(forbidden),
            RevokeTokenError::Store(error) => error.into(),
        }
    }
}

impl From<ChangeOwnPasswordError> for Problem {
    fn from(error: ChangeOwnPasswordError) -> Self {
        match error {
            ChangeOwnPasswordError::NotAPerson => Self::new(Code::LogInNeeded, error.to_string()),
            ChangeOwnPasswordError::Refused => Self::new(Code::PasswordRefused, error.to_string()),
            ChangeOwnPasswordError::Forbidden(forbidden) => Self::forbidden(forbidden),
            ChangeOwnPasswordError::Store(error) => error.into(),
        }
    }
}
