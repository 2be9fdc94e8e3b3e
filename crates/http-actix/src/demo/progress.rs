//! What the demo prints: a progress display on a terminal, plain lines elsewhere, JSON lines for programs.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    io::{IsTerminal, Write},
    net::SocketAddr,
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Value, json};

/// How things are shown.
enum Display {
    Terminal(MultiProgress),
    Lines,
    Json,
}

pub(super) struct Progress {
    display: Display,
    /// What was shown of each step execution: its status, and its bar on a terminal.
    shown: RefCell<BTreeMap<String, (String, Option<ProgressBar>)>>,
}

impl Progress {
    pub(super) fn new(json: bool) -> Self {
        let display = match (json, std::io::stdout().is_terminal()) {
            (true, _) => Display::Json,
            (false, true) => Display::Terminal(MultiProgress::new()),
            (false, false) => Display::Lines,
        };
        Self { display, shown: RefCell::default() }
    }

    pub(super) fn serving(&self, server: SocketAddr, agents: SocketAddr) {
        let machine =
            json!({"event": "serving", "url": format!("http://{server}"), "agents": format!("http://{agents}")});
        self.say(&format!("Orrery listens on http://{server}, three agents on http://{agents}"), &machine);
    }

    pub(super) fn agent(&self, agent: &Value) {
        let machine = json!({"event": "agent_registered", "agent": {"id": agent["id"], "name": agent["name"]}});
        self.say(&format!("registered agent {}: {}", plain(&agent["name"]), plain(&agent["description"])), &machine);
    }

    pub(super) fn workflow(&self, workflow: &Value) {
        let machine = json!({"event": "workflow_created", "workflow": {"id": workflow["id"], "name": workflow["name"], "version": workflow["version"]}});
        self.say(&format!("created workflow {} (version {})", plain(&workflow["name"]), workflow["version"]), &machine);
    }

    pub(super) fn started(&self, run: &Value, steps: usize) {
        let machine = json!({"event": "run_started", "run_id": run["run_id"], "steps": steps});
        self.say(&format!("started {} with {steps} steps", plain(&run["run_id"])), &machine);
    }

    /// Shows what has changed since the last time.
    pub(super) fn steps(&self, steps: &Value) {
        for step in steps.as_array().into_iter().flatten() {
            let (id, status) = (plain(&step["id"]), plain(&step["status"]));
            let mut shown = self.shown.borrow_mut();
            let known = shown.get(&id);
            if known.is_some_and(|(known, _)| *known == status) {
                continue;
            }
            let bar = known.and_then(|(_, bar)| bar.clone());
            let bar = self.step(step, &status, bar);
            shown.insert(id, (status, bar));
        }
    }

    fn step(&self, step: &Value, status: &str, bar: Option<ProgressBar>) -> Option<ProgressBar> {
        let (name, agent) = (plain(&step["step_id"]), plain(&step["agent_name"]));
        let took = took(step).map(|took| format!(" in {} ms", took.as_millis())).unwrap_or_default();
        let Display::Terminal(bars) = &self.display else {
            let machine = json!({"event": "step", "step_id": step["step_id"], "agent_name": step["agent_name"], "status": step["status"], "attempt": step["attempt"]});
            self.say(&format!("step {name} ({agent}): {status}{took}"), &machine);
            return None;
        };
        let bar = bar.unwrap_or_else(|| {
            let bar = bars.add(ProgressBar::new_spinner());
            bar.enable_steady_tick(Duration::from_millis(80));
            bar
        });
        if status == "RUNNING" {
            bar.set_message(format!("{name:<10} {agent} is working"));
        } else {
            let mark = if status == "COMPLETED" { "✔" } else { "✘" };
            bar.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.finish_with_message(format!("{mark} {name:<10} {agent}: {status}{took}"));
        }
        Some(bar)
    }

    pub(super) fn finished(&self, run: &Value, output: &Value, server: SocketAddr) {
        let urls = json!({
            "run": format!("http://{server}/api/v1/runs/{}", plain(&run["run_id"])),
            "steps": format!("http://{server}/api/v1/runs/{}/steps", plain(&run["run_id"])),
            "docs": format!("http://{server}/docs"),
            "redoc": format!("http://{server}/redoc"),
            "metrics": format!("http://{server}/metrics"),
        });
        let machine = json!({"event": "run_finished", "run_id": run["run_id"], "status": run["status"], "output": output, "urls": urls});
        let row = |name: &str, value: &Value| format!("  {name:<10} {}", plain(value));
        let mut lines = vec![format!("run {}", plain(&run["status"]))];
        lines.extend(["title", "paragraph", "score", "verdict"].map(|member| row(member, &output[member])));
        lines.push("look at next (with --keep the server stays up):".to_owned());
        lines.extend(urls.as_object().into_iter().flatten().map(|(name, url)| row(name, url)));
        self.say(&lines.join("\n"), &machine);
    }

    pub(super) fn keeping(&self) {
        if !matches!(self.display, Display::Json) {
            self.say("staying up; Ctrl-C stops", &Value::Null);
        }
    }

    fn say(&self, text: &str, machine: &Value) {
        match &self.display {
            Display::Terminal(bars) => {
                let _ = bars.println(text);
            }
            Display::Lines => write(text),
            Display::Json => write(&machine.to_string()),
        }
    }
}

/// A closed pipe is no reason to fail.
fn write(line: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn took(step: &Value) -> Option<Duration> {
    let time = |member: &str| step[member].as_str()?.parse::<domain::Timestamp>().ok();
    (time("completed_at")? - time("started_at")?).to_std().ok()
}
