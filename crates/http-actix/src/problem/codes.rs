//! The one table of problem codes. OpenAPI, the page `/docs/errors`, `docs/reference/errors.md` and the answers
//! themselves all read it, so none of them can drift.

use std::fmt::Write as _;

/// One row of the table.
struct Row {
    status: u16,
    code: &'static str,
    title: &'static str,
    meaning: &'static str,
    remedy: &'static str,
}

macro_rules! codes {
    ($($name:ident: $status:literal, $code:literal, $title:literal, $meaning:literal, $remedy:literal;)*) => {
        /// What went wrong, stable for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $meaning] $name,)*
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            fn row(self) -> Row {
                match self {
                    $(Self::$name => Row { status: $status, code: $code, title: $title, meaning: $meaning, remedy: $remedy },)*
                }
            }
        }
    };
}

codes! {
    BadRequest: 400, "bad_request", "Bad request",
        "The request cannot be understood as HTTP.", "Check the request line, the headers and the encoding of the body.";
    AgentNameTaken: 400, "agent_name_taken", "Agent name taken",
        "Another agent, perhaps a deleted one, has this name.", "Choose another name, or change the existing agent.";
    AgentsUnusable: 400, "agents_unusable", "Agents missing or inactive",
        "The document is sound, but agents that it names are unknown or not active; `errors` lists every one.",
        "Register or activate the agents, or mend their names.";
    WorkflowNotActive: 400, "workflow_not_active", "Workflow not active",
        "Only active and deprecated versions can be executed, and none of a workflow that is inactive or deleted.",
        "Activate the workflow or the version, or execute another version.";
    RunNotRetryable: 400, "run_not_retryable", "Run cannot be retried",
        "Only failed or cancelled runs can be retried.", "Wait for the run to end, or execute the workflow again.";
    RunNotResumableThere: 400, "run_not_resumable_there", "Run cannot be resumed at this step",
        "A run can only be resumed at the step at which it stopped.", "Leave `resume_from_step` out.";
    RunNotCancellable: 400, "run_not_cancellable", "Run cannot be cancelled",
        "Only pending or running runs can be cancelled.", "Nothing is left to cancel.";
    RunNotOver: 400, "run_not_over", "Run is not over",
        "Steps can only be done anew in a run that is over, and that Orrery itself has executed.",
        "Wait for the run to end, or cancel it.";
    StepNotRerunnable: 400, "step_not_rerunnable", "Step cannot be done anew",
        "The run's workflow has no such step, or the run never reached it.",
        "Look the path up with GET /api/v1/runs/{run_id}/steps.";
    StepNotSkippable: 400, "step_not_skippable", "Step cannot be skipped",
        "Only a step that is under way, waits, or stopped the run can be given an output, and no block.",
        "Look at `waiting_on` of the run, or at the list of its steps.";
    RunNotPausable: 400, "run_not_pausable", "Run can neither be paused nor let go on",
        "Only pending or running runs that Orrery itself executes can be paused and let go on.",
        "Nothing is left to pause or to go on, or the existing executor knows no pause.";
    RunNotListening: 400, "run_not_listening", "Run cannot be told of events",
        "Only pending or running runs that Orrery itself executes can be told of events.",
        "Nothing waits for the event any more, or the existing executor knows no events.";
    ApiKeyNeeded: 400, "api_key_needed", "API key needed",
        "Only an API key can be exchanged for a token, and something else was presented.",
        "Present an API key in `X-API-Key`. A token can be restricted without asking the server.";
    NotAToken: 400, "not_a_token", "Not a token",
        "What is to be revoked is no token of this installation.",
        "Send the whole token as it was minted or attenuated; an API key is revoked with DELETE /api/v1/api-keys/{key_id}.";
    LogInNeeded: 400, "log_in_needed", "Log-in needed",
        "Only somebody who has logged in has a password to change, and the caller is known by something else.",
        "Log in with POST /api/v1/auth/login, and present the token.";
    PasswordRefused: 400, "password_refused", "Password wrong",
        "The present password is wrong, or too many were lately.", "Try again, after some minutes if it was right.";
    Unauthenticated: 401, "unauthenticated", "Not known",
        "The request presents no credentials, or some that are worth nothing here; which of it is not told.",
        "Send an API key in `X-API-Key`, or a token in `Authorization: Bearer`. The server's log says what was wrong.";
    LogInFailed: 401, "log_in_failed", "Log-in failed",
        "The name or the password is wrong, the person may not log in, or too many passwords were wrong lately; which of it is not told.",
        "Try again, after some minutes if it was right; an administrator can set a new password.";
    Forbidden: 403, "forbidden", "Right missing",
        "The caller's role does not have the right that the operation needs; `required_right` names it.",
        "Use a credential of a role that has it: docs/reference/rights.md shows which do.";
    OutOfScope: 403, "out_of_scope", "Outside of the credential's scope",
        "The credential is restricted to certain workflows, agents, networks or a time, and the request names something else or \
         nothing in particular, writes it into a document (`errors` lists every place), or gives more. Whether it exists is not told.",
        "Name what the credential is restricted to: by the path, by `workflow_id` or `name` in the query, or in the body.";
    TokenRestricted: 403, "token_restricted", "Token restricted",
        "A block of the token, added by whoever handed it on, does not allow this.",
        "Use the token for what it was handed on for, or another one.";
    CrossOrigin: 403, "cross_origin", "Page of another origin",
        "Nobody is asked for credentials here, and a page of another origin wants to change something.",
        "Present a credential, or have the origin listed with `--trusted-origins`.";
    UnknownHost: 403, "unknown_host", "Reached under a foreign name",
        "Nobody is asked for credentials here, and the request came under a name that could be anybody's (DNS rebinding).",
        "Use an IP address or localhost, or have the name listed with `--trusted-origins` or `--public-url`.";
    NotFound: 404, "not_found", "Not found",
        "Nothing is served under this path.", "Look the path up in /openapi.json.";
    AgentNotFound: 404, "agent_not_found", "Agent not found",
        "There is no agent with this id.", "Look the id up with GET /api/v1/agents.";
    WorkflowNotFound: 404, "workflow_not_found", "Workflow not found",
        "There is no workflow, and no version of one, with this id.", "Look the id up with GET /api/v1/workflows.";
    VersionNotFound: 404, "version_not_found", "Version not found",
        "The workflow has no version with this number.",
        "Look the number up with GET /api/v1/workflows/{id}/versions.";
    RunNotFound: 404, "run_not_found", "Run not found",
        "There is no run with this id.", "Look the id up with GET /api/v1/runs.";
    DeadLetterNotFound: 404, "dead_letter_not_found", "Dead letter not found",
        "There is no dead letter with this id, or not any more: its work was done after all, or it was deleted.",
        "Look the id up with GET /api/v1/dlq.";
    ScheduleNotFound: 404, "schedule_not_found", "Schedule not found",
        "There is no schedule with this id.", "Look the id up with GET /api/v1/schedules.";
    NoTask: 404, "no_task", "No task",
        "The credential is not the token of a call.", "Send the token that came with the call, in `X-Orrery-Token`.";
    ApiKeyNotFound: 404, "api_key_not_found", "API key not found",
        "There is no API key with this id.", "Look the id up with GET /api/v1/api-keys.";
    UserNotFound: 404, "user_not_found", "User not found",
        "There is no person with this id.", "Look the id up with GET /api/v1/users.";
    WebhookNotFound: 404, "webhook_not_found", "Webhook not found",
        "There is no webhook with this id.", "Look the id up with GET /api/v1/webhooks.";
    DeliveryNotFound: 404, "delivery_not_found", "Delivery not found",
        "The webhook has no delivery with this id, or not any more: old ones are removed.",
        "Look the id up with GET /api/v1/webhooks/{webhook_id}/deliveries.";
    MethodNotAllowed: 405, "method_not_allowed", "Method not allowed",
        "The path exists, but not for this method.", "Use one of the methods in the header `Allow`.";
    NotAcceptable: 406, "not_acceptable", "Not acceptable",
        "The header `Accept` takes nothing of what the operation can answer.",
        "Accept `text/event-stream` or `application/json`, or leave the header out.";
    RequestTimeout: 408, "request_timeout", "Request too slow",
        "The request did not arrive in time: its head or its body stopped, or trickled.",
        "Send it again, without pauses; the times are settings of the server.";
    ConcurrentChange: 409, "concurrent_change", "Changed by somebody else",
        "The same thing was changed at the same time, repeatedly.", "Read it again and repeat the request.";
    IdempotencyInProgress: 409, "idempotency_in_progress", "Still being carried out",
        "A request with the same `Idempotency-Key` is being carried out; its answer was waited for.",
        "Repeat the request, with the same key, after the time in `Retry-After`.";
    IdempotencyAnswerLost: 409, "idempotency_answer_lost", "Done, answer lost",
        "The request with this `Idempotency-Key` was carried out, wholly or in part, by a process that could not answer any more.",
        "Look at what was to be changed. What is left to be done needs another request, with another key.";
    ApiKeyNameTaken: 409, "api_key_name_taken", "API key name taken",
        "Another API key that is not revoked has this name.", "Choose another name, or rotate the existing key.";
    ApiKeyEnded: 409, "api_key_ended", "API key ended",
        "The API key is revoked or has expired; a new secret would be worth nothing.", "Make another key.";
    WebhookNameTaken: 409, "webhook_name_taken", "Webhook name taken",
        "Another webhook has this name.", "Choose another name, or change the existing webhook.";
    UserNameTaken: 409, "user_name_taken", "User name taken",
        "Another person has this name.", "Choose another name, or change the existing person.";
    LastAdministrator: 409, "last_administrator", "Last administrator",
        "Nobody would be left who can manage access: an active person, or a key without end or restrictions, in the role `admin`.",
        "Make another administrator first.";
    VersionImmutable: 409, "version_immutable", "Old version",
        "Only the newest version of a workflow can be changed.", "Change the workflow under the id of its newest version.";
    VersionIsNewest: 409, "version_is_newest", "Newest version",
        "The newest of several versions stands for the workflow and cannot be deleted without it.",
        "Archive it, roll back to another version, or delete the workflow.";
    VersionHasLiveRuns: 409, "version_has_live_runs", "Version has live runs",
        "A version that pending or running runs execute cannot be deleted; the detail says how many there are.",
        "Wait for the runs to end, cancel them, or archive the version so that no more are started.";
    ScheduleNameTaken: 409, "schedule_name_taken", "Schedule name taken",
        "Another schedule has this name.", "Choose another name, or change the existing schedule.";
    ScheduleEnded: 409, "schedule_ended", "Schedule ended",
        "The schedule has no tick left, so that there is nothing to pause or resume.", "Give it a later `ends_at`.";
    ScheduleNotStarted: 409, "schedule_not_started", "Scheduled run not started",
        "The schedule's workflow cannot be run as it is; the detail says why.",
        "Activate the workflow, or change the schedule's input so that it fits.";
    DeadLetterReplayed: 409, "dead_letter_replayed", "Dead letter replayed before",
        "A run was started to do the work of this dead letter; the detail names it.",
        "Look at that run, or replay it once more with `force`.";
    DeadLetterNotReplayable: 409, "dead_letter_not_replayable", "Dead letter cannot be replayed",
        "No new run can be made of what is known of the one that failed; the detail says why.",
        "Do as the detail suggests: retry the run itself, or execute the workflow with an input that fits.";
    TaskOver: 409, "task_over", "Call is over",
        "The call that the token is about has ended: it was answered, given up or done anew, its run is over, or its agent was \
         deleted. The detail says which.",
        "Stop working on it; nothing about it is wanted any more.";
    PlaceForgotten: 410, "place_forgotten", "Place forgotten",
        "Changes that follow the place from which the client wants to go on are not kept any more.",
        "Begin anew with `after=start` or without a place, and read the runs that matter with GET /api/v1/runs.";
    PreconditionFailed: 412, "precondition_failed", "Changed since it was read",
        "What is to be changed is not the revision that `If-Match` names; the header `ETag` tells which one it is now.",
        "Read it again, decide again, and repeat the request with the new `ETag`.";
    BodyTooLarge: 413, "body_too_large", "Body too large",
        "The body is larger than is taken: 1 MiB (1048576 bytes), unless the server is set otherwise.", "Send less; pass large data by reference.";
    UriTooLong: 414, "uri_too_long", "URI too long",
        "The path and its query are longer than is taken; the detail says how long they may be.",
        "Send what is long in the body, or ask for less at once.";
    UnsupportedMediaType: 415, "unsupported_media_type", "Unsupported media type",
        "The body is declared as something other than JSON.", "Send `Content-Type: application/json`, or none.";
    ValidationFailed: 422, "validation_failed", "Validation failed",
        "The request has mistakes; `errors` lists every one with its place.", "Mend all of them and repeat the request.";
    IdempotencyKeyReused: 422, "idempotency_key_reused", "Key of another request",
        "The `Idempotency-Key` was used for another request: another path or body, or a credential that sees something else.",
        "Use a new key for each request, and the same only to send one again.";
    WorkflowInvalid: 422, "workflow_invalid", "Workflow document invalid",
        "The workflow document has mistakes; `errors` lists every one with its place, its code and a hint.",
        "Mend all of them and repeat the request.";
    InputInvalid: 422, "input_invalid", "Input does not fit",
        "The input does not fit the workflow's `input_schema`; `errors` lists every violation with its place. Nothing was stored.",
        "Mend the input and repeat the request.";
    OutputInvalid: 422, "output_invalid", "Output does not fit",
        "The reported output does not fit the agent's `output_schema`; `errors` lists every violation with its place. Nothing \
         was told to the run.",
        "Report an output that fits; the call is still open.";
    NotForExternalEngine: 422, "not_for_external_engine", "Not for the existing executor",
        "New runs are given to the existing executor, and the workflow uses something that it cannot run.",
        "Change the workflow as the detail says, or let Orrery execute it.";
    RateLimited: 429, "rate_limited", "Too many requests",
        "The address, or whoever is known by the credential, asks more often than it may; `RateLimit-Policy` says how often that is.",
        "Repeat the request after the time in `Retry-After`.";
    HeadersTooLarge: 431, "headers_too_large", "Header fields too large",
        "There are more header fields than are taken, or they are larger.", "Send fewer or smaller ones; the detail says how many.";
    Internal: 500, "internal_error", "Internal error",
        "The server made a mistake; its log tells more under the `request_id`.", "Report the `request_id`.";
    StoreUnavailable: 503, "store_unavailable", "Store unavailable",
        "The store cannot be reached at the moment.", "Repeat the request after the time in `Retry-After`.";
    AccessUndecided: 503, "access_undecided", "Access undecided",
        "The rules of the token ran over the limits of their evaluation before they came to a verdict.",
        "Repeat the request after the time in `Retry-After`; if that does not help, use a token with fewer or simpler blocks.";
    TooManyStreams: 503, "too_many_streams", "Too many open streams",
        "This process has as many streams open as it may have; the detail says how many.",
        "Repeat the request after the time in `Retry-After`, or ask for pages with `Accept: application/json`.";
    Overloaded: 503, "overloaded", "Overloaded",
        "More runs are being started or changed than can be stored right now; nothing was stored.",
        "Repeat the request after the time in `Retry-After`.";
}

impl Code {
    /// The stable name, `snake_case`.
    pub fn as_str(self) -> &'static str {
        self.row().code
    }

    /// The HTTP status that it always comes with.
    pub fn status(self) -> u16 {
        self.row().status
    }

    /// A short title, the same for every occurrence.
    pub fn title(self) -> &'static str {
        self.row().title
    }

    /// What it means.
    pub fn meaning(self) -> &'static str {
        self.row().meaning
    }

    /// The problem type (RFC 9457): a reference to its description on this server.
    pub fn type_uri(self) -> String {
        format!("/docs/errors#{}", self.anchor())
    }

    fn anchor(self) -> String {
        self.as_str().replace('_', "-")
    }

    /// What the member `error` of old clients says (contract 1.4): one text per status.
    pub fn legacy_error(self) -> &'static str {
        match self.status() {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            406 => "Not Acceptable",
            408 => "Request Timeout",
            409 => "Conflict",
            410 => "Gone",
            412 => "Precondition Failed",
            413 => "Payload Too Large",
            414 => "URI Too Long",
            415 => "Unsupported Media Type",
            422 => "Validation Error",
            429 => "Too Many Requests",
            431 => "Request Header Fields Too Large",
            503 => "Service Unavailable",
            _ => "Internal Server Error",
        }
    }
}

/// The table as Markdown: `docs/reference/errors.md`.
pub fn errors_markdown() -> String {
    let mut page = String::from(
        "# Errors\n\n\
         <!-- Generated from crates/http-actix/src/problem/codes.rs; do not edit. -->\n\n\
         Every error answer is a problem document (RFC 9457, `application/problem+json`). Decide by `code`; `detail` is \
         for people and may change. `errors` lists all mistakes of a request: `in` says which part of the request \
         (`body`, `query`, `path` or `header`), `pointer` is a JSON Pointer (RFC 6901) into that part, `field` is the same place in \
         dotted form, `message` says what is wrong, and `hint`, where there is one, what would mend it.\n\n\
         | code | status | meaning | what to do |\n| --- | --- | --- | --- |\n",
    );
    for code in Code::ALL {
        let Row { status, code: name, meaning, remedy, .. } = code.row();
        // Writing to a String cannot fail.
        let _ = writeln!(page, "| <a id=\"{}\"></a>`{name}` | {status} | {meaning} | {remedy} |", code.anchor());
    }
    page
}

/// The table as the page `/docs/errors`, to which the problem types refer.
pub(crate) fn errors_html() -> String {
    let mut page = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Orrery: errors</title>\n\
         <link rel=\"stylesheet\" href=\"/docs/assets/orrery.css\">\n<h1>Errors</h1>\n\
         <p>Every error answer is a problem document (RFC 9457). Decide by <code>code</code>.</p>\n",
    );
    for code in Code::ALL {
        let Row { status, code: name, title, meaning, remedy } = code.row();
        let (meaning, remedy) = (code_spans(meaning), code_spans(remedy));
        let anchor = code.anchor();
        let _ = writeln!(
            page,
            "<section id=\"{anchor}\"><h2>{title}</h2><p><code>{name}</code>, status {status}</p><p>{meaning}</p><p>{remedy}</p></section>"
        );
    }
    page.push_str("</html>\n");
    page
}

/// Markdown's code spans as HTML; the table holds no character that HTML would have to escape (a test looks).
fn code_spans(text: &str) -> String {
    let mut page = String::new();
    for (position, part) in text.split('`').enumerate() {
        page.push_str(if position == 0 {
            ""
        } else if position % 2 == 1 {
            "<code>"
        } else {
            "</code>"
        });
        page.push_str(part);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_is_unique_and_stands_in_the_page() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        let page = errors_markdown();
        assert!(Code::ALL.iter().all(|code| page.contains(&format!("`{}` | {}", code.as_str(), code.status()))));
    }

    #[test]
    fn the_page_of_a_problem_type_has_its_anchor() {
        let page = errors_html();
        for code in Code::ALL {
            let anchor =
                code.type_uri().rsplit_once('#').map(|(_, anchor)| format!("id=\"{anchor}\"")).expect("an anchor");
            assert!(page.contains(&anchor), "{anchor}");
            assert!(![code.title(), code.meaning()].concat().contains(['<', '>', '&']), "would need escaping");
        }
        assert!(page.contains("<code>errors</code> lists every one"));
    }
}
