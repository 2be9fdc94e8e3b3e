//! One run in the old executor: contract 6, for plans of agent steps.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value, json};

use super::{
    Surroundings,
    executor::Results,
    ids,
    kafka::Producer,
    plan::OldPlan,
    references,
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
}

impl OldRun {
    /// Walks the plan to its end. An error is one of the database: the run stays as it is.
    pub(crate) async fn execute(self) -> Result<(), sqlx::Error> {
        let mut rows = Rows::of(&self.run, &self.around.database).await?;
        let mut done = rows.done().await?;
        rows.begin(&self.plan.workflow_id, &self.plan.name).await?;
        let mut next = self.first_undone(&done);
        while let Some(step) = next {
            match self.with_recovery(&mut rows, &step, &done).await? {
                Ok(output) => {
                    let is_empty = output.is_null() || output.as_object().is_some_and(Map::is_empty);
                    if !is_empty {
                        done.outputs.insert(step.clone(), output);
                    }
                    next = self.plan.next(&step);
                }
                Err(message) => {
                    let agent = self.agent(&step);
                    rows.fail(&format!("Step '{step}' (agent: {agent}) failed: {message}")).await?;
                    rows.fail(&format!("Workflow failed at step '{step}': {message}")).await?;
                    let about = json!({"failed_step": step, "error": message});
                    self.monitor("workflow", &self.plan.name, "FAILED", about).await;
                    return Ok(());
                }
            }
        }
        rows.complete().await
    }

    /// The leading run of completed steps is skipped.
    fn first_undone(&self, done: &Done) -> Option<String> {
        let mut next = Some(self.plan.start_step.clone());
        while let Some(step) = next.as_ref().filter(|step| done.completed.get(*step) == Some(&true)) {
            next = self.plan.next(step);
        }
        next
    }

    fn agent(&self, step: &str) -> String {
        self.plan.step(step)["agent_name"].as_str().expect("an accepted step has an agent").to_owned()
    }

    /// `max_retries` attempts; one, if the registry knows nothing.
    async fn with_recovery(
        &self,
        rows: &mut Rows,
        step: &str,
        done: &Done,
    ) -> Result<Result<Value, String>, sqlx::Error> {
        let agent = self.registry.find(&self.agent(step)).await.ok();
        let attempts = agent.as_ref().map_or(1, |agent| agent.max_retries);
        let mut last = Err("'NoneType' object has no attribute 'status'".to_owned());
        for attempt in 0..attempts {
            if let (Some(k), Some(agent)) = (attempt.checked_sub(1), &agent) {
                tokio::time::sleep(agent.delay(k)).await;
            }
            last = self.attempt(rows, step, done).await?;
            if last.is_ok() {
                break;
            }
        }
        Ok(last)
    }

    async fn attempt(&self, rows: &mut Rows, step: &str, done: &Done) -> Result<Result<Value, String>, sqlx::Error> {
        let agent = self.agent(step);
        let input = match references::resolve(&self.plan.step(step)["input_mapping"], &self.input, &done.outputs) {
            Ok(input) => input,
            Err(why) => {
                let message = format!("Exception during step execution: {why}");
                self.monitor(step, &agent, "FAILED", json!({"error": message})).await;
                return Ok(Err(message));
            }
        };
        let id = ids::step_execution_id(&self.run, step);
        let (task, correlation) = (ids::task_id(step), ids::corr_id(&self.run, step));
        rows.insert_step(&id, step, &agent, &input).await?;
        self.monitor(step, &agent, "RUNNING", json!({"step_execution_id": id, "task_id": task})).await;
        let message = json!({
            "run_id": self.run, "task_id": task, "agent_name": agent, "input_data": input,
            "correlation_id": correlation, "timestamp": ids::now(),
        });
        self.producer.send(&self.around.topics.tasks, &self.run, &message).await;
        let result = match tokio::time::timeout(RESULT, self.results.of(&correlation)).await {
            Ok(result) => judged(&result),
            Err(_) => Err(format!("Timeout waiting for agent result (correlation_id: {correlation})")),
        };
        rows.end_step(&id, &result).await?;
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
