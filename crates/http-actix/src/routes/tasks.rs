//! What agents do with the tokens that came with their calls, over HTTP.
//!
//! The paths say `self`: the token says which call is meant, and with no other could anything be done. A path of a step with
//! its brackets and slashes would have to be encoded by every agent, to say the same once more.

use actix_web::http::Method;
use application::{UseCases, tasks::ReportTaskError};
use domain::{
    access::{Access, Right},
    ports::Clock,
};
use serde_json::json;

use crate::{
    api::{About, Body, Caller, Declarations, Reply, State, Task},
    dto::{
        events::{EventReceipt, RaiseEvent},
        examples,
        tasks::{ReportTask, TaskInputView, TaskReceipt, TaskView},
    },
    problem::{Code, Mistake, Part, Problem},
};

pub(super) const GROUP: &str = "tasks";

pub(super) fn declare(api: Declarations) -> Declarations {
    let access = Access::Needs(Right::TasksReport);
    api.route(
        Method::GET,
        "/api/v1/tasks/self",
        access,
        look,
        About::new(
            GROUP,
            "Look at one's task",
            "Which call the token is about, and whether anything about it is still wanted. The token is the one that came with the \
             call, in the header `X-Orrery-Token`; it is sent as `Authorization: Bearer`.",
        )
        .answers(examples::task())
        .refuses(&[Code::RunNotFound, Code::TaskOver, Code::StoreUnavailable]),
    )
    .route(
        Method::GET,
        "/api/v1/tasks/self/input",
        access,
        input,
        About::new(
            GROUP,
            "Fetch the input of one's task",
            "The input of the step, as it was sent with the call: for an agent that hands the work on, or has lost it.",
        )
        .answers(json!({"input": {"topic": "planets"}}))
        .refuses(&[Code::RunNotFound, Code::TaskOver, Code::StoreUnavailable]),
    )
    .route(
        Method::POST,
        "/api/v1/tasks/self/report",
        access,
        report,
        About::new(
            GROUP,
            "Report about one's task",
            "Says what came of the call, as its answer would have, or how it is getting on. The run's owner decides: the first \
             word about a call counts, be it its answer or a report; later ones change nothing. The connection of the call is \
             given up once a result was reported. An output that does not fit the agent's `output_schema` is refused, and a \
             better one may follow.",
        )
        .repeatable().sends(json!({"status": "completed", "output": {"summary": "Eight of them."}}))
        .answers(examples::task_receipt())
        .refuses(&[
            Code::RunNotFound,
            Code::TaskOver,
            Code::OutputInvalid,
            Code::BodyTooLarge,
            Code::StoreUnavailable,
        ]),
    )
    .route(
        Method::POST,
        "/api/v1/tasks/self/events",
        access,
        raise,
        About::new(
            GROUP,
            "Tell one's run of an event",
            "Tells the run that the call belongs to of an event, while the call is open. As with the events of a run, the first \
             step that waits for it goes on, and the run keeps it if none does yet.",
        )
        .repeatable().sends(examples::event())
        .answers(examples::event_receipt())
        .refuses(&[
            Code::RunNotFound,
            Code::TaskOver,
            Code::RunNotListening,
            Code::BodyTooLarge,
            Code::StoreUnavailable,
        ]),
    )
}

async fn look(Task(grant): Task, State(app): State<UseCases>) -> Result<Reply<200, TaskView>, Problem> {
    Ok(Reply(app.find_task.execute(&grant).await?.into()))
}

async fn input(Task(grant): Task, State(app): State<UseCases>) -> Result<Reply<200, TaskInputView>, Problem> {
    Ok(Reply(app.find_task.input(&grant).await?.into()))
}

async fn report(
    Caller(by): Caller,
    Task(grant): Task,
    State(app): State<UseCases>,
    State(clock): State<dyn Clock>,
    Body(body): Body<ReportTask>,
) -> Result<Reply<202, TaskReceipt>, Problem> {
    let report = body.report().map_err(|refused| Problem::unkeepable("/output", &refused))?;
    let task = app.report_task.execute(&grant, report, &by).await?;
    Ok(Reply(TaskReceipt::new(&task, clock.now())))
}

async fn raise(
    Caller(by): Caller,
    Task(grant): Task,
    State(app): State<UseCases>,
    State(clock): State<dyn Clock>,
    Body(body): Body<RaiseEvent>,
) -> Result<Reply<202, EventReceipt>, Problem> {
    let event = body.event().map_err(|refused| Problem::unkeepable("/data", &refused))?;
    app.find_task.open(&grant).await?;
    let run = app.raise_event.to_run(&grant.run, event, &by).await?;
    Ok(Reply(EventReceipt::new(&[run.id], clock.now())))
}

impl From<ReportTaskError> for Problem {
    fn from(error: ReportTaskError) -> Self {
        let text = error.to_string();
        match error {
            ReportTaskError::Task(error) => error.into(),
            ReportTaskError::UnfitOutput { violations, .. } => {
                let mistakes = violations.into_iter().map(|violation| {
                    let pointer = format!("/output{}", violation.pointer);
                    Mistake::new(Part::Body, pointer, "value_error", violation.message)
                });
                Self::mistakes(Code::OutputInvalid, mistakes.collect()).detail(text)
            }
        }
    }
}
