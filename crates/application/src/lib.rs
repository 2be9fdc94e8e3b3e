//! The use cases of Orrery, one file each. They own units of work and know neither HTTP nor any adapter.

pub mod access;
pub mod agents;
pub mod audit;
pub mod dead_letters;
mod done_before;
pub mod once;
pub mod plans;
pub mod runs;
pub mod schedules;
pub mod tasks;
pub mod webhooks;
pub mod workflows;

use std::sync::Arc;

use domain::{
    agents::Networks,
    ports::{
        AgentGateway, AgentTraffic, Agents, AuditLog, Calendar, Clock, DeadLetters, Engine, ExternalRuns, FeedWatch,
        Fleet, IdGenerator, RunFeed, RunInbox, RunLeases, RunWatch, RunWriter, Runs, Schedules, Schemas, Transactions,
        Workflows,
    },
};

use plans::PlanCache;

/// The executor of the old system, beside ours.
#[derive(Clone)]
pub struct External {
    /// Its runs.
    pub runs: Arc<dyn ExternalRuns>,
    /// Whether new runs are its own.
    pub takes_new_runs: bool,
}

/// The ports that the use cases need.
#[derive(Clone)]
#[expect(missing_docs, reason = "each field is the port of its type")]
pub struct Ports {
    pub agents: Arc<dyn Agents>,
    pub workflows: Arc<dyn Workflows>,
    pub transactions: Arc<dyn Transactions>,
    pub runs: Arc<dyn Runs>,
    pub watch: Arc<dyn RunWatch>,
    pub feed: Arc<dyn RunFeed>,
    pub feed_watch: Arc<dyn FeedWatch>,
    pub inbox: Arc<dyn RunInbox>,
    pub leases: Arc<dyn RunLeases>,
    /// None where this process is the only one on its store.
    pub fleet: Option<Arc<dyn Fleet>>,
    pub dead_letters: Arc<dyn DeadLetters>,
    pub audit: Arc<dyn AuditLog>,
    pub schedules: Arc<dyn Schedules>,
    pub calendar: Arc<dyn Calendar>,
    pub writer: Arc<dyn RunWriter>,
    pub gateway: Arc<dyn AgentGateway>,
    pub traffic: Arc<dyn AgentTraffic>,
    pub engine: Arc<dyn Engine>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdGenerator>,
    pub plans: Arc<PlanCache>,
    pub schemas: Arc<dyn Schemas>,
    /// How deep blocks may lie in each other in documents that are saved; at most [`MAX_NESTING`](domain::workflows::MAX_NESTING).
    pub max_nesting: usize,
    /// The networks whose agents may be registered.
    pub agent_networks: Networks,
    /// None on a store that no other system shares.
    pub external: Option<External>,
}

/// All use cases, ready to be called.
#[expect(missing_docs, reason = "each field is the use case of its type")]
pub struct UseCases {
    pub create_agent: agents::CreateAgent,
    pub get_agent: agents::GetAgent,
    pub list_agents: agents::ListAgents,
    pub update_agent: agents::UpdateAgent,
    pub delete_agent: agents::DeleteAgent,
    pub check_agent_health: agents::CheckAgentHealth,
    pub create_workflow: workflows::CreateWorkflow,
    pub get_workflow: workflows::GetWorkflow,
    pub list_workflows: workflows::ListWorkflows,
    pub update_workflow: workflows::UpdateWorkflow,
    pub delete_workflow: workflows::DeleteWorkflow,
    pub list_versions: workflows::ListVersions,
    pub get_version: workflows::GetVersion,
    pub change_version_status: workflows::ChangeVersionStatus,
    pub delete_version: workflows::DeleteVersion,
    pub compare_versions: workflows::CompareVersions,
    pub roll_back_workflow: workflows::RollBackWorkflow,
    pub validate_workflow: workflows::ValidateWorkflow,
    pub test_workflow: workflows::TestWorkflow,
    pub execute_workflow: runs::ExecuteWorkflow,
    pub get_run: runs::GetRun,
    pub follow_run: runs::FollowRun,
    pub follow_runs: runs::FollowRuns,
    pub read_log: runs::ReadLog,
    pub list_runs: runs::ListRuns,
    pub list_steps: runs::ListSteps,
    pub retry_run: runs::RetryRun,
    pub rerun_run: runs::RerunRun,
    pub skip_step: runs::SkipStep,
    pub change_many_runs: runs::ChangeManyRuns,
    pub cancel_run: runs::CancelRun,
    pub pause_run: runs::PauseRun,
    pub raise_event: runs::RaiseEvent,
    pub find_task: tasks::FindTask,
    pub report_task: tasks::ReportTask,
    pub get_dead_letter: dead_letters::GetDeadLetter,
    pub list_dead_letters: dead_letters::ListDeadLetters,
    pub delete_dead_letter: dead_letters::DeleteDeadLetter,
    pub replay_dead_letter: dead_letters::ReplayDeadLetter,
    pub replay_dead_letters: dead_letters::ReplayDeadLetters,
    pub list_audit_log: audit::ListAuditLog,
    pub create_schedule: schedules::CreateSchedule,
    pub get_schedule: schedules::GetSchedule,
    pub list_schedules: schedules::ListSchedules,
    pub update_schedule: schedules::UpdateSchedule,
    pub delete_schedule: schedules::DeleteSchedule,
    pub change_schedule_state: schedules::ChangeScheduleState,
    pub trigger_schedule: schedules::TriggerSchedule,
    pub list_ticks: schedules::ListTicks,
    pub preview_schedule: schedules::PreviewSchedule,
}

impl UseCases {
    /// Wires the use cases to their ports.
    pub fn new(ports: &Ports) -> Self {
        Self {
            create_agent: agents::CreateAgent::new(ports),
            get_agent: agents::GetAgent::new(ports),
            list_agents: agents::ListAgents::new(ports),
            update_agent: agents::UpdateAgent::new(ports),
            delete_agent: agents::DeleteAgent::new(ports),
            check_agent_health: agents::CheckAgentHealth::new(ports),
            create_workflow: workflows::CreateWorkflow::new(ports),
            get_workflow: workflows::GetWorkflow::new(ports),
            list_workflows: workflows::ListWorkflows::new(ports),
            update_workflow: workflows::UpdateWorkflow::new(ports),
            delete_workflow: workflows::DeleteWorkflow::new(ports),
            list_versions: workflows::ListVersions::new(ports),
            get_version: workflows::GetVersion::new(ports),
            change_version_status: workflows::ChangeVersionStatus::new(ports),
            delete_version: workflows::DeleteVersion::new(ports),
            compare_versions: workflows::CompareVersions::new(ports),
            roll_back_workflow: workflows::RollBackWorkflow::new(ports),
            validate_workflow: workflows::ValidateWorkflow::new(ports),
            test_workflow: workflows::TestWorkflow::new(ports),
            execute_workflow: runs::ExecuteWorkflow::new(ports),
            get_run: runs::GetRun::new(ports),
            follow_run: runs::FollowRun::new(ports),
            follow_runs: runs::FollowRuns::new(ports),
            read_log: runs::ReadLog::new(ports),
            list_runs: runs::ListRuns::new(ports),
            list_steps: runs::ListSteps::new(ports),
            retry_run: runs::RetryRun::new(ports),
            rerun_run: runs::RerunRun::new(ports),
            skip_step: runs::SkipStep::new(ports),
            change_many_runs: runs::ChangeManyRuns::new(ports),
            cancel_run: runs::CancelRun::new(ports),
            pause_run: runs::PauseRun::new(ports),
            raise_event: runs::RaiseEvent::new(ports),
            find_task: tasks::FindTask::new(ports),
            report_task: tasks::ReportTask::new(ports),
            get_dead_letter: dead_letters::GetDeadLetter::new(ports),
            list_dead_letters: dead_letters::ListDeadLetters::new(ports),
            delete_dead_letter: dead_letters::DeleteDeadLetter::new(ports),
            replay_dead_letter: dead_letters::ReplayDeadLetter::new(ports),
            replay_dead_letters: dead_letters::ReplayDeadLetters::new(ports),
            list_audit_log: audit::ListAuditLog::new(ports),
            create_schedule: schedules::CreateSchedule::new(ports),
            get_schedule: schedules::GetSchedule::new(ports),
            list_schedules: schedules::ListSchedules::new(ports),
            update_schedule: schedules::UpdateSchedule::new(ports),
            delete_schedule: schedules::DeleteSchedule::new(ports),
            change_schedule_state: schedules::ChangeScheduleState::new(ports),
            trigger_schedule: schedules::TriggerSchedule::new(ports),
            list_ticks: schedules::ListTicks::new(ports),
            preview_schedule: schedules::PreviewSchedule::new(ports),
        }
    }
}

/// How often a use case reads and decides again when somebody else was quicker.
const TRIES: usize = 5;
