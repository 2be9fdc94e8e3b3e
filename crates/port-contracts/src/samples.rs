//! Builders with sensible defaults; a test says only what it cares about.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use domain::{
    Timestamp,
    access::{AccountName, ApiKey, KeyDigest, PasswordHash, Role, Scope, User},
    agents::{Agent, AgentAuth, AgentName, AgentSchemas, AgentStatus, AgentUrl, RetryPolicy},
    ids::{
        AgentId, ApiKeyId, CommitId, Epoch, ExecutorId, FeedPlace, PlanHash, RunId, ScheduleId, Seq, StepId, TickId,
        UserId, WebhookId, WorkflowId, WorkflowRef,
    },
    page::PageRequest,
    payload::Payload,
    runs::{
        AdoptRun, Adoption, AdvanceRun, CancelRun, ClosedAttempt, Labels, Outward, ResumeRun, Resumption, RunChange,
        RunEvent, RunOrigin, RunStatus, RunUpdate, StartRun, Wake,
    },
    schedules::{MissedPolicy, OverlapPolicy, Schedule, ScheduleName, ScheduleState, Tick, TickStatus, Timing},
    webhooks::{Delivery, SigningSecret, Webhook, WebhookName, WebhookUrl},
    workflows::{StepDocument, WorkflowDefinition, WorkflowDocument, WorkflowName, WorkflowStatus},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// A time, in seconds after an arbitrary one.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(1_750_000_000 + second, 0).expect("a time")
}

/// A page.
pub fn page(number: u32, size: u32) -> PageRequest {
    PageRequest::new(number, size).expect("a page within bounds")
}

/// The page that holds all of a small list.
pub fn all() -> PageRequest {
    page(1, 100)
}

/// Labels such as `team:blue,env:prod`.
pub fn labels(text: &str) -> Labels {
    let pairs = text.split(',').filter_map(|label| label.split_once(':'));
    Labels::parse(pairs.map(|(name, value)| (name.to_owned(), value.to_owned()))).expect("labels")
}

/// A UUID that sorts by the number.
pub fn uuid(n: u64) -> Uuid {
    Uuid::from_u128(u128::from(n))
}

/// An executor.
pub fn executor(n: u64) -> ExecutorId {
    ExecutorId::new(uuid(n))
}

/// A commit that nobody has made yet.
pub fn commit_id() -> CommitId {
    static MADE: AtomicU64 = AtomicU64::new(1);
    CommitId::new(uuid(MADE.fetch_add(1, Ordering::Relaxed)))
}

/// A run's id.
pub fn run_id(text: &str) -> RunId {
    RunId::parse(text).expect("a run id")
}

/// A step's id.
pub fn step_id(text: &str) -> StepId {
    StepId::parse(text).expect("a step id")
}

/// A payload.
pub fn payload(value: Value) -> Payload {
    Payload::new(value).expect("storable")
}

/// An agent's name.
pub fn agent_name(text: &str) -> AgentName {
    AgentName::parse(text).expect("an agent's name")
}

/// A workflow's name.
pub fn workflow_name(text: &str) -> WorkflowName {
    WorkflowName::parse(text).expect("a workflow's name")
}

/// An active agent in its first revision, with an id derived from its name.
pub fn agent(name: &str) -> Agent {
    Agent {
        id: AgentId::new(Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes())),
        name: agent_name(name),
        url: AgentUrl::parse("http://localhost:9000/").expect("a URL"),
        description: None,
        auth: AgentAuth::None,
        timeout: Duration::from_secs(30),
        retry: RetryPolicy::default(),
        retry_strategy: None,
        circuit_breaker: None,
        max_concurrent_calls: None,
        schemas: AgentSchemas::default(),
        status: AgentStatus::Active,
        revision: 1,
        created_at: at(0),
        updated_at: at(0),
        created_by: Some("user:first".to_owned()),
        updated_by: None,
    }
}

/// The name of a key or a person.
pub fn account_name(text: &str) -> AccountName {
    AccountName::parse(text).expect("a name")
}

/// A key for everything in its first revision, with an id derived from its name.
pub fn api_key(name: &str) -> ApiKey {
    ApiKey {
        id: ApiKeyId::new(Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes())),
        name: account_name(name),
        digest: KeyDigest { keyed_by: "k1".to_owned(), bytes: [7; 32] },
        previous: None,
        role: Role::Admin,
        scope: Scope::default(),
        networks: Vec::new(),
        hides_payloads: false,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
        created_at: at(0),
        created_by: "system".to_owned(),
        revision: 1,
    }
}

/// An active administrator in the first revision, with an id derived from the name.
pub fn user(name: &str) -> User {
    User {
        id: UserId::new(Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes())),
        name: account_name(name),
        password: PasswordHash("$argon2id$v=19$…".to_owned()),
        role: Role::Admin,
        hides_payloads: false,
        active: true,
        epoch: 1,
        failed_logins: 0,
        locked_until: None,
        created_at: at(0),
        updated_at: at(0),
        revision: 1,
    }
}

/// A document with one step.
pub fn document(name: &str, version: u32) -> WorkflowDocument {
    let step: StepDocument = serde_json::from_value(json!({
        "id": "a", "agent_name": "Echo", "next_step": null, "input_mapping": {"x": "${workflow.input.x}", "ü": [1, null]},
    }))
    .expect("a step");
    WorkflowDocument::new(name, version, "a".to_owned(), BTreeMap::from([("a".to_owned(), step)]))
}

/// A plan's hash.
pub fn plan_hash(n: u8) -> PlanHash {
    PlanHash::new([n; 32])
}

/// The head of a chain, active, with this id, in its first revision.
pub fn workflow(id: u64, name: &str, version: u32) -> WorkflowDefinition {
    let id = WorkflowId::new(uuid(id));
    WorkflowDefinition {
        id,
        head: id,
        name: workflow_name(name),
        version,
        description: None,
        change_summary: None,
        document: document(name, version),
        plan: plan_hash(1),
        status: WorkflowStatus::Active,
        revision: 1,
        created_at: at(0),
        updated_at: at(0),
        created_by: None,
        updated_by: None,
    }
}

/// The start of a run that waits to be claimed.
pub fn start(run: &str) -> StartRun {
    StartRun {
        commit: commit_id(),
        run: run_id(run),
        workflow: WorkflowId::new(uuid(1)),
        workflow_name: "greeting".to_owned(),
        workflow_version: 1,
        plan: plan_hash(1),
        input: payload(json!({"x": 1})),
        triggered_by: "tester".to_owned(),
        labels: Labels::default(),
        at: at(0),
        starts_at: None,
        events: vec![RunEvent::Started { plan: plan_hash(1), parent: None, starts_at: None, trace: None }],
        status: RunStatus::Pending,
        owner: None,
        parent: None,
        audit: None,
    }
}

/// The start of a run that executor 1 takes at once, with epoch 1.
pub fn owned_start(run: &str) -> StartRun {
    StartRun { owner: Some(executor(1)), status: RunStatus::Running, ..start(run) }
}

/// The dispatch of the step `a`.
pub fn dispatched() -> RunEvent {
    RunEvent::StepDispatched { path: step_id("a").top_level(), attempt: 1, generation: 0, round: 0, until: None }
}

/// A commit of one event, under epoch 1, by an owner that keeps the run.
pub fn advance(run: &str, seq: u64) -> AdvanceRun {
    AdvanceRun {
        drained: Vec::new(),
        commit: commit_id(),
        run: run_id(run),
        epoch: Epoch::new(1),
        seq: Seq::new(seq),
        at: at(10),
        origin: RunOrigin { from: None, since: at(0) },
        events: vec![dispatched()],
        closed: Vec::new(),
        update: None,
        wake: Wake::Owned,
        outward: Outward::default(),
    }
}

/// A commit that ends the run, under epoch 1.
pub fn finish(run: &str, seq: u64, status: RunStatus, error: Option<&str>) -> AdvanceRun {
    let event = match error {
        Some(error) => RunEvent::RunFailed { error: error.to_owned() },
        None => RunEvent::RunCompleted,
    };
    AdvanceRun {
        drained: Vec::new(),
        events: vec![event],
        update: Some(update(status, error)),
        wake: Wake::Never,
        ..advance(run, seq)
    }
}

/// A change of a run's row.
pub fn update(status: RunStatus, error: Option<&str>) -> RunUpdate {
    RunUpdate::to(status, error.map(str::to_owned))
}

/// A completed attempt of the step `a`.
pub fn closed(execution: u64) -> ClosedAttempt {
    ClosedAttempt {
        execution: Seq::new(execution),
        step: step_id("a"),
        path: step_id("a").top_level(),
        agent: agent_name("Echo"),
        attempt: 1,
        generation: 0,
        round: 0,
        input: payload(json!({"question": execution})),
        output: Some(payload(json!({"answer": execution}))),
        error: None,
        started_at: at(5),
        completed_at: at(10),
    }
}

/// A cancellation with a reason.
pub fn cancel(run: &str) -> CancelRun {
    CancelRun {
        ahead: false,
        commit: commit_id(),
        run: run_id(run),
        at: at(20),
        by: "operator".to_owned(),
        reason: Some("not needed".to_owned()),
        from: None,
        audit: None,
    }
}

/// A resume.
pub fn resume(run: &str) -> ResumeRun {
    ResumeRun {
        what: Resumption::Unfinished,
        commit: commit_id(),
        run: run_id(run),
        at: at(30),
        by: "operator".to_owned(),
        from: None,
        audit: None,
    }
}

/// A foreign producer's request for a run of the steps `a` and `b`.
pub fn adopt(run: &str) -> AdoptRun {
    AdoptRun {
        commit: commit_id(),
        run: run_id(run),
        workflow: WorkflowRef::from_text("wf-greeting-1"),
        workflow_name: "greeting".to_owned(),
        plan: plan_hash(1),
        steps: vec![step_id("a"), step_id("b")],
        input: payload(json!({"x": 2})),
        at: at(40),
        cause: Adoption::Request,
        from: None,
        failure: None,
        audit: None,
    }
}

/// The name of a webhook.
pub fn webhook_name(text: &str) -> WebhookName {
    WebhookName::parse(text).expect("a name")
}

/// A secret of a webhook.
pub fn signing_secret(digit: char) -> SigningSecret {
    SigningSecret::of_base64(&digit.to_string().repeat(32)).expect("a secret")
}

/// A webhook for everything in its first revision, with an id derived from its name.
pub fn webhook(name: &str) -> Webhook {
    Webhook {
        id: WebhookId::new(Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes())),
        name: webhook_name(name),
        url: WebhookUrl::parse("https://example.com/hooks").expect("a URL"),
        description: None,
        statuses: BTreeSet::new(),
        workflows: BTreeSet::new(),
        secret: signing_secret('s'),
        previous: None,
        disabled: None,
        since: at(0),
        failing_since: None,
        revision: 1,
        created_at: at(0),
        created_by: "key:a".to_owned(),
        updated_at: at(0),
    }
}

/// The delivery of the change in a place to a webhook, due at once.
pub fn delivery(to: &Webhook, place: u64) -> Delivery {
    let change = RunChange {
        place: FeedPlace::new(place),
        at: at(i64::try_from(place).unwrap_or(i64::MAX)),
        run: run_id(&format!("run-{place}")),
        workflow: WorkflowRef::from_text("wf-greeting-1"),
        workflow_name: "greeting".to_owned(),
        status: RunStatus::Completed,
    };
    Delivery::of(to.id, change, at(0))
}

/// A schedule's name.
pub fn schedule_name(text: &str) -> ScheduleName {
    ScheduleName::parse(text).expect("a schedule's name")
}

/// A schedule whose id sorts by the number, due at second 100.
pub fn schedule(n: u64, name: &str) -> Schedule {
    Schedule {
        id: ScheduleId::new(uuid(n)),
        name: schedule_name(name),
        workflow: WorkflowId::new(uuid(1)),
        version: None,
        timing: Timing { cron: "* * * * *".to_owned(), zone: "UTC".to_owned(), starts_at: None, ends_at: None },
        input: Payload::empty(),
        overlap: OverlapPolicy::Allow,
        missed: MissedPolicy::Last,
        grace: Duration::from_mins(1),
        state: ScheduleState::Active,
        next_at: Some(at(100)),
        queued: None,
        last: None,
        last_started: None,
        revision: 1,
        created_at: at(0),
        created_by: "test".to_owned(),
        updated_at: at(0),
        updated_by: "test".to_owned(),
    }
}

/// A tick of the schedule with this number, decided when it was due and about to be started.
pub fn tick(schedule: u64, second: i64) -> Tick {
    let schedule = ScheduleId::new(uuid(schedule));
    Tick {
        id: TickId::of(schedule, at(second)),
        schedule,
        at: at(second),
        until: at(second),
        count: 1,
        manual: false,
        status: TickStatus::Starting,
        reason: None,
        message: None,
        cancels: None,
        decided_at: at(second),
    }
}
