//! One run in the old executor: contract 6. What its blocks do is in `blocks`.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Map, Value, json};

use super::{
    Surroundings,
    executor::Results,
    ids,
    kafka::Producer,
    plan::OldPlan,
    references::{self, Iteration, Scope},
    registry::RegistryClient,
    rows::{Done, Rows},
};

/// How long the result of an attempt is waited for.
const RESULT: Duration = Duration::from_mins(5);

/// What a run is executed with.
pub(crate) struct OldRun {
    pub(crate) run: String,
    pub(crate) plan: OldPlan,
    pub(crate) input: Value,
    pub(crate) around: Arc<Surroundings>,
    pub(crate) registry: Arc<RegistryClient>,
    pub(crate) producer: Producer,
    pub(crate) results: Results,
    pub(crate) doubles_tasks: bool,
}

/// What comes of a step: its output or the text of its failure; or the database fails, and the run stays as it is.
pub(super) type Ended = Result<Result<Value, String>, sqlx::Error>;

/// What the steps of a run have in common. All of them use one session, those that are executed at once too.
pub(super) struct Walk {
    pub(super) rows: tokio::sync::Mutex<Rows>,
    done: Mutex<Done>,
}

impl Walk {
    fn done<T>(&self, look: impl FnOnce(&mut Done) -> T) -> T {
        look(&mut self.done.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes an output visible. One that is empty is never stored.
    pub(super) fn publish(&self, step: &str, output: &Value) {
        let is_empty = output.is_null() || output.as_object().is_some_and(Map::is_empty);
        if !is_empty {
            self.done(|done| done.outputs.insert(step.to_owned(), output.clone()));
        }
    }

    pub(super) fn resolve<T>(
        &self,
        run: &OldRun,
        iteration: Option<&Iteration>,
        look: impl FnOnce(&Scope<'_>) -> Result<T, String>,
    ) -> Result<T, String> {
        self.done(|done| look(&Scope { input: &run.input, outputs: &done.outputs, iteration }))
    }
}

impl OldRun {
    /// Walks the plan to its end. An error is one of the database: the run stays as it is.
    pub(crate) async fn execute(self) -> Result<(), sqlx::Error> {
        let mut rows = Rows::of(&self.run, &self.around.database).await?;
        let done = rows.done().await?;
        rows.begin(&self.plan.workflow_id, &self.plan.name).await?;
        let mut next = self.first_undone(&done);
        let walk = Walk { rows: tokio::sync::Mutex::new(rows), done: Mutex::new(done) };
        while let Some(step) = next {
            let ended = match self.agent(&step) {
                Some(_) => self.with_recovery(&walk, &step).await?,
                None => self.block(&walk, &step, None).await?,
            };
            match ended {
                Ok(output) => {
                    walk.publish(&step, &output);
                    next = self.plan.next(&step);
                }
                Err(message) => {
                    let agent = self.agent(&step).unwrap_or("None");
                    let mut rows = walk.rows.lock().await;
                    rows.fail(&format!("Step '{step}' (agent: {agent}) failed: {message}")).await?;
                    rows.fail(&format!("Workflow failed at step '{step}': {message}")).await?;
                    let about = json!({"failed_step": step, "error": message});
                    self.monitor("workflow", &self.plan.name, "FAILED", about).await;
                    return Ok(());
                }
            }
        }
        walk.rows.into_inner().complete().await
    }

    /// The leading run of completed steps is skipped.
    fn first_undone(&self, done: &Done) -> Option<String> {
        let mut next = Some(self.plan.start_step.clone());
        while let Some(step) = next.as_ref().filter(|step| done.completed.get(*step) == Some(&true)) {
            next = self.plan.next(step);
        }
        next
    }

    /// None for a block.
    fn agent(&self, step: &str) -> Option<&str> {
        self.plan.step(step)["agent_name"].as_str()
    }

    /// `max_retries` attempts; one, if the registry knows nothing.
    async fn with_recovery(&self, walk: &Walk, step: &str) -> Ended {
        let agent = self.registry.find(self.agent(step).unwrap_or_default()).await.ok();
        let attempts = agent.as_ref().map_or(1, |agent| agent.max_retries);
        let mut last = Err("'NoneType' object has no attribute 'status'".to_owned());
        for attempt in 0..attempts {
            if let (Some(k), Some(agent)) = (attempt.checked_sub(1), &agent) {
                tokio::time::sleep(agent.delay(k)).await;
            }
            last = self.attempt(walk, step, None).await?;
            if last.is_ok() {
                break;
            }
        }
        Ok(last)
    }

    pub(super) async fn attempt(&self, walk: &Walk, step: &str, iteration: Option<&Iteration>) -> Ended {
        let agent = self.agent(step).expect("it is an agent step").to_owned();
        let mapping = &self.plan.step(step)["input_mapping"];
        let input = match walk.resolve(self, iteration, |scope| references::resolve(mapping, scope)) {
            Ok(input) => input,
            Err(why) => {
                let message = format!("Exception during step execution: {why}");
                self.monitor(step, &agent, "FAILED", json!({"error": message})).await;
                return Ok(Err(message));
            }
        };
        let id = ids::step_execution_id(&self.run, step);
        let (task, correlation) = (ids::task_id(step), ids::corr_id(&self.run, step));
        walk.rows.lock().await.insert_step(&id, step, &agent, &input).await?;
        self.monitor(step, &agent, "RUNNING", json!({"step_execution_id": id, "task_id": task})).await;
        let message = json!({
            "run_id": self.run, "task_id": task, "agent_name": agent, "input_data": input,
            "correlation_id": correlation, "timestamp": ids::now(),
        });
        for _ in 0..if self.doubles_tasks { 2 } else { 1 } {
            self.producer.send(&self.around.topics.tasks, &self.run, &message).await;
        }
        let result = match tokio::time::timeout(RESULT, self.results.of(&correlation)).await {
            Ok(result) => judged(&result),
            Err(_) => Err(format!("Timeout waiting for agent result (correlation_id: {correlation})")),
        };
        walk.rows.lock().await.end_step(&id, &result).await?;
        match &result {
            Ok(_) => {
                self.monitor(step, &agent, "COMPLETED", json!({"step_execution_id": id, "task_id": task})).await;
            }
            Err(error) => {
                self.monitor(step, &agent, "FAILED", json!({"step_execution_id": id, "error": error})).await;
            }
        }
        Ok(result)
    }

    async fn monitor(&self, step: &str, name: &str, status: &str, metadata: Value) {
        let update = json!({
            "run_id": self.run, "step_id": step, "step_name": name, "status": status, "timestamp": ids::now(),
            "metadata": metadata,
        });
        self.producer.send(&self.around.topics.monitoring, &self.run, &update).await;
    }
}

/// `SUCCESS` and nothing else is a success; an output must be an object or null (contract 3.3).
fn judged(result: &Value) -> Result<Value, String> {
    if result["status"] != "SUCCESS" {
        let message = result["error_message"].as_str().filter(|message| !message.is_empty());
        return Err(message.unwrap_or("Agent execution failed").to_owned());
    }
    let output = &result["output_data"];
    if output.is_object() || output.is_null() { Ok(output.clone()) } else { Err("output_data is no object".to_owned()) }
}
