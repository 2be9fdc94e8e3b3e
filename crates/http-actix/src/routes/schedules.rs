//! Schedules over HTTP.

use actix_web::http::Method;
use application::{
    UseCases,
    schedules::{
        ChangeScheduleStateError, CreateScheduleError, DeleteScheduleError, GetScheduleError, PreviewScheduleError,
        RefusedSchedule, TriggerScheduleError, UpdateScheduleError,
    },
};
use domain::{
    access::{Access, Right},
    ports::Clock,
};

use crate::{
    api::{About, Body, Caller, Declarations, Located, Path, Query, Reply, State},
    dto::{
        MessageView, examples,
        lists::{ListQuery, PageView},
        schedule_examples as shown,
        schedule_views::{PreviewView, ScheduleView, TickView},
        schedules::{
            CreateSchedule, PreviewQuery, PreviewTiming, SchedulePath, ScheduleQuery, TickQuery, UpdateSchedule,
        },
    },
    problem::{Code, Mistake, Part, Problem},
};

pub(super) const GROUP: &str = "schedules";

const COLLECTION: &str = "/api/v1/schedules";
const ONE: &str = "/api/v1/schedules/{schedule_id}";
const READ: Access = Access::Needs(Right::SchedulesRead);
const WRITE: Access = Access::Needs(Right::SchedulesWrite);

/// What changing a schedule that is there may be refused with.
const REFUSED: [Code; 3] = [Code::ScheduleNotFound, Code::ConcurrentChange, Code::StoreUnavailable];

pub(super) fn declare(api: Declarations) -> Declarations {
    actions(things(api))
}

fn things(api: Declarations) -> Declarations {
    api.route(
        Method::POST,
        COLLECTION,
        WRITE,
        create_schedule,
        About::new(
            GROUP,
            "Create a schedule",
            "Starts a run of a workflow at each tick of a cron expression: one run per tick, however many servers there are. All \
             mistakes are answered at once; the input is checked as that of the first run would be.",
        )
        .sends(shown::new_schedule())
        .answers(shown::schedule())
        .refuses(&[Code::ScheduleNameTaken, Code::StoreUnavailable]),
    )
    .route(
        Method::GET,
        COLLECTION,
        READ,
        list_schedules,
        About::new(GROUP, "List schedules", "A page of the schedules, by name.")
            .answers(examples::page(&shown::schedule()))
            .refuses(&[Code::StoreUnavailable]),
    )
    .route(
        Method::GET,
        ONE,
        READ,
        get_schedule,
        About::new(GROUP, "Read a schedule", "The schedule, with its last and its next tick.")
            .answers(shown::schedule())
            .refuses(&[Code::ScheduleNotFound, Code::StoreUnavailable]),
    )
    .route(
        Method::PUT,
        ONE,
        WRITE,
        update_schedule,
        About::new(
            GROUP,
            "Change a schedule",
            "Changes the members that are sent. A new `cron`, `time_zone`, `starts_at` or `ends_at` counts from now on; what was due \
             before is not made up for.",
        )
        .sends(shown::schedule_changes())
        .answers(shown::schedule())
        .refuses(&REFUSED)
        .refuses(&[Code::ScheduleNameTaken]),
    )
    .route(
        Method::DELETE,
        ONE,
        WRITE,
        delete_schedule,
        About::new(
            GROUP,
            "Delete a schedule",
            "Deletes the schedule and what is known of its ticks. The runs that it has started stay, and go on.",
        )
        .answers(examples::deleted("Schedule 'nightly-digest'"))
        .refuses(&REFUSED),
    )
}

fn actions(api: Declarations) -> Declarations {
    api.route(
        Method::POST,
        "/api/v1/schedules/{schedule_id}/pause",
        WRITE,
        pause_schedule,
        About::new(
            GROUP,
            "Pause a schedule",
            "It does not tick until it is resumed, and a tick that waits is left out. Its runs go on. Pausing it again changes \
             nothing.",
        )
        .answers(shown::schedule())
        .refuses(&REFUSED)
        .refuses(&[Code::ScheduleEnded]),
    )
    .route(
        Method::POST,
        "/api/v1/schedules/{schedule_id}/resume",
        WRITE,
        resume_schedule,
        About::new(
            GROUP,
            "Resume a schedule",
            "It ticks again, from now on: what would have been due meanwhile was not missed. Resuming it again changes nothing.",
        )
        .answers(shown::schedule())
        .refuses(&REFUSED)
        .refuses(&[Code::ScheduleEnded]),
    )
    .route(
        Method::POST,
        "/api/v1/schedules/{schedule_id}/trigger",
        Access::Needs(Right::RunsExecute),
        trigger_schedule,
        About::new(
            GROUP,
            "Start a run now",
            "Starts a run as a tick would, in the caller's name and beside the schedule's own ticks, whatever its state and its \
             policies are.",
        )
        .answers(shown::triggered())
        .refuses(&[Code::ScheduleNotFound, Code::ScheduleNotStarted, Code::StoreUnavailable]),
    )
    .route(
        Method::GET,
        "/api/v1/schedules/{schedule_id}/runs",
        READ,
        list_ticks,
        About::new(
            GROUP,
            "List what a schedule has started",
            "A page of its ticks, the latest first: each with the run that it has started, or why it has none.",
        )
        .answers(examples::page(&shown::tick()))
        .refuses(&[Code::ScheduleNotFound, Code::StoreUnavailable]),
    )
    .route(
        Method::GET,
        "/api/v1/schedules/{schedule_id}/next",
        READ,
        next_ticks,
        About::new(
            GROUP,
            "Tell the next ticks",
            "When the schedule will tick; of one that is paused, when it would if it were resumed now.",
        )
        .answers(shown::preview())
        .refuses(&[Code::ScheduleNotFound, Code::StoreUnavailable]),
    )
    .route(
        Method::POST,
        "/api/v1/schedules/preview",
        Access::Known,
        preview,
        About::new(
            GROUP,
            "Try a cron expression",
            "When a schedule with this timing would tick, from now on; nothing is kept. Shows what becomes of times that clocks skip \
             or show twice.",
        )
        .sends(shown::timing())
        .answers(shown::preview()),
    )
}

async fn create_schedule(
    Caller(by): Caller,
    State(app): State<UseCases>,
    Body(new): Body<CreateSchedule>,
) -> Result<Located<201, ScheduleView>, Problem> {
    let new = new.command().ok_or_else(|| Problem::internal("a checked schedule was refused"))?;
    let schedule = app.create_schedule.execute(new, &by).await?;
    let id = schedule.id;
    Ok(Located::new(COLLECTION, id, app.get_schedule.with_last(schedule).await?.into()))
}

async fn list_schedules(
    State(app): State<UseCases>,
    Query(query): Query<ScheduleQuery>,
) -> Result<Reply<200, PageView<ScheduleView>>, Problem> {
    Ok(Reply(query.view(app.list_schedules.execute(&query.filter(), query.page()).await?)))
}

async fn get_schedule(
    State(app): State<UseCases>,
    Path(path): Path<SchedulePath>,
) -> Result<Reply<200, ScheduleView>, Problem> {
    Ok(Reply(app.get_schedule.execute(path.id()).await?.into()))
}

async fn update_schedule(
    Caller(by): Caller,
    State(app): State<UseCases>,
    Path(path): Path<SchedulePath>,
    Body(changes): Body<UpdateSchedule>,
) -> Result<Reply<200, ScheduleView>, Problem> {
    let schedule = app.update_schedule.execute(path.id(), &changes.command(), &by).await?;
    Ok(Reply(app.get_schedule.with_last(schedule).await?.into()))
}

async fn delete_schedule(
    Caller(by): Caller,
    State(app): State<UseCases>,
    State(clock): State<dyn Clock>,
    Path(path): Path<SchedulePath>,
) -> Result<Reply<200, MessageView>, Problem> {
    let deleted = app.delete_schedule.execute(path.id(), &by).await?;
    Ok(Reply(MessageView::new(format!("Schedule '{}' deleted successfully", deleted.name), clock.now())))
}

async fn pause_schedule(
    Caller(by): Caller,
    State(app): State<UseCases>,
    Path(path): Path<SchedulePath>,
) -> Result<Reply<200, ScheduleView>, Problem> {
    let schedule = app.change_schedule_state.pause(path.id(), &by).await?;
    Ok(Reply(app.get_schedule.with_last(schedule).await?.into()))
}

async fn resume_schedule(
    Caller(by): Caller,
    State(app): State<UseCases>,
    Path(path): Path<SchedulePath>,
) -> Result<Reply<200, ScheduleView>, Problem> {
    let schedule = app.change_schedule_state.resume(path.id(), &by).await?;
    Ok(Reply(app.get_schedule.with_last(schedule).await?.into()))
}

async fn trigger_schedule(
    Caller(by): Caller,
    State(app): State<UseCases>,
    Path(path): Path<SchedulePath>,
) -> Result<Reply<202, TickView>, Problem> {
    Ok(Reply(app.trigger_schedule.execute(path.id(), &by).await?.into()))
}

async fn list_ticks(
    State(app): State<UseCases>,
    Path(path): Path<SchedulePath>,
    Query(query): Query<TickQuery>,
) -> Result<Reply<200, PageView<TickView>>, Problem> {
    Ok(Reply(query.view(app.list_ticks.execute(path.id(), query.page()).await?)))
}

async fn next_ticks(
    State(app): State<UseCases>,
    Path(path): Path<SchedulePath>,
    Query(query): Query<PreviewQuery>,
) -> Result<Reply<200, PreviewView>, Problem> {
    Ok(Reply(app.preview_schedule.execute(path.id(), query.count).await?.into()))
}

async fn preview(
    State(app): State<UseCases>,
    Body(body): Body<PreviewTiming>,
) -> Result<Reply<200, PreviewView>, Problem> {
    let (timing, count) = body.timing();
    Ok(Reply(app.preview_schedule.of_timing(&timing, count)?.into()))
}

impl From<RefusedSchedule> for Problem {
    fn from(RefusedSchedule(found): RefusedSchedule) -> Self {
        let mistakes = found.into_iter().map(|one| Mistake::new(Part::Body, one.pointer, "value_error", one.message));
        Self::mistakes(Code::ValidationFailed, mistakes.collect())
    }
}

/// Maps the variants that only need a code, and perhaps the place in the body that is meant, and passes nested errors on.
macro_rules! mapped {
    ($error:ident { $($variant:ident => $code:ident $(at $pointer:literal)?),* } $($nested:ident)*) => {
        impl From<$error> for Problem {
            fn from(error: $error) -> Self {
                let text = error.to_string();
                match error {
                    $($error::$variant(_) => Self::new(Code::$code, text)$(.at($pointer))?,)*
                    $($error::$nested(error) => error.into(),)*
                }
            }
        }
    };
}

mapped!(CreateScheduleError { NameTaken => ScheduleNameTaken at "/name" } Refused Store);
mapped!(GetScheduleError { NotFound => ScheduleNotFound } Store);
mapped!(UpdateScheduleError { NotFound => ScheduleNotFound, NameTaken => ScheduleNameTaken at "/name" } Refused Store);
mapped!(DeleteScheduleError { NotFound => ScheduleNotFound } Store);
mapped!(ChangeScheduleStateError { NotFound => ScheduleNotFound, Ended => ScheduleEnded } Store);
mapped!(TriggerScheduleError { NotFound => ScheduleNotFound, NotStarted => ScheduleNotStarted } Store);
mapped!(PreviewScheduleError { NotFound => ScheduleNotFound } Refused Store);
