//! Parallel steps and loops in the old executor: contract 5.5, as far as their members succeed or fail; how many of them are
//! executed at once is not limited here.

use serde_json::{Map, Value, json};

use super::{
    references::{self, Iteration},
    run::{Ended, OldRun, Walk},
};

impl OldRun {
    /// A member of a block: an attempt without another one, or a block in it.
    async fn member(&self, walk: &Walk, step: &str, iteration: Option<&Iteration>) -> Ended {
        match self.plan.step(step)["type"].as_str() {
            None | Some("agent") => self.attempt(walk, step, iteration).await,
            Some(_) => Box::pin(self.block(walk, step, iteration)).await,
        }
    }

    pub(super) async fn block(&self, walk: &Walk, step: &str, iteration: Option<&Iteration>) -> Ended {
        let step = self.plan.step(step);
        match step["type"].as_str() {
            Some("parallel") => self.parallel(walk, &ids(&step["parallel_steps"]), iteration).await,
            _ => self.repeated(walk, &step["loop_config"]).await,
        }
    }

    /// Waits for all of them, even if some fail; their outputs are visible afterwards.
    async fn parallel(&self, walk: &Walk, members: &[&str], iteration: Option<&Iteration>) -> Ended {
        let ended = all(members.iter().map(|member| self.member(walk, member, iteration))).await;
        let (mut outputs, mut failed) = (Map::new(), Vec::new());
        for (member, ended) in members.iter().zip(ended) {
            match ended? {
                Ok(output) => {
                    walk.publish(member, &output);
                    outputs.insert((*member).to_owned(), output);
                }
                Err(_) => failed.push(*member),
            }
        }
        if failed.is_empty() {
            return Ok(Ok(Value::Object(outputs)));
        }
        Ok(Err(format!("Parallel execution failed: {} step(s) failed: {}", failed.len(), failed.join(", "))))
    }

    async fn repeated(&self, walk: &Walk, config: &Value) -> Ended {
        let collection = config["collection"].as_str().expect("an accepted loop has a collection");
        let mut items = match walk.resolve(self, None, |scope| references::collection(collection, scope)) {
            Ok(items) => items,
            Err(why) => return Ok(Err(why)),
        };
        items.truncate(
            config["max_iterations"].as_u64().and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX),
        );
        let (total, body) = (items.len(), ids(&config["loop_body"]));
        let iterations: Vec<_> =
            items.into_iter().enumerate().map(|(index, item)| Iteration { item, index, total }).collect();
        let mut results = Vec::new();
        if config["execution_mode"] == "parallel" {
            for ended in all(iterations.iter().map(|iteration| self.iteration(walk, &body, iteration))).await {
                results.push(ended?);
            }
        } else {
            for iteration in &iterations {
                let ended = self.iteration(walk, &body, iteration).await?;
                let stops = ended.is_err() && config.get("on_error").is_none_or(|word| word == "stop");
                results.push(ended);
                if stops {
                    break;
                }
            }
        }
        // Whatever `on_error` says, it fails (contract D-8).
        let failed = results.iter().position(Result::is_err);
        if let (Some(at), Some(Err(why))) = (failed, failed.map(|at| &results[at])) {
            return Ok(Err(format!("Loop stopped at iteration {at}: {why}")));
        }
        let outputs: Vec<Value> = results.into_iter().filter_map(Result::ok).collect();
        Ok(Ok(json!({"iterations": outputs, "total_count": total})))
    }

    /// The last step's output is the result. None of them becomes visible (contract D-9).
    async fn iteration(&self, walk: &Walk, body: &[&str], iteration: &Iteration) -> Ended {
        let mut last = Value::Null;
        for step in body {
            match self.member(walk, step, Some(iteration)).await? {
                Ok(output) => last = output,
                Err(why) => return Ok(Err(format!("Loop body step '{step}' failed: {why}"))),
            }
        }
        Ok(Ok(last))
    }
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Polls all of them in this task until each has ended.
async fn all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut open: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in &mut open {
            if output.is_none()
                && let std::task::Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        let all = open.iter().all(|(_, output)| output.is_some());
        if all { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    open.into_iter().filter_map(|(_, output)| output).collect()
}
