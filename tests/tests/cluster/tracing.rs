//! Traces: what is seen of a run in a collector, over every process that has a part in it.

use std::collections::BTreeSet;

use e2e_tests::{AgentSpec, Behaviour, Cluster, CollectedSpan, Collector, Stub, eventually, workflow};
use serde_json::{Value, json};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

fn named<'a>(spans: &'a [CollectedSpan], name: &str) -> &'a CollectedSpan {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no span '{name}' in {spans:#?}"))
}

/// The spans of a trace, once all of these are among them.
async fn spans(collector: &Collector, trace: &str, names: &[&str]) -> Vec<CollectedSpan> {
    let wanted: BTreeSet<&str> = names.iter().copied().collect();
    eventually(&format!("{names:?} are seen in the trace {trace}"), async || {
        let spans = collector.of(trace);
        let seen: BTreeSet<&str> = spans.iter().map(|span| span.name.as_str()).collect();
        wanted.is_subset(&seen).then_some(spans)
    })
    .await
}

/// The lines of a log about a run's status: each status with the trace that it names.
fn lines(log: &[String], run: &str) -> Vec<(String, String)> {
    let read = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_run = read.filter(|line| line["run.id"] == run && line["run.status"].is_string());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    of_run.map(|line| (text(&line["run.status"]), text(&line["trace_id"]))).collect()
}

#[tokio::test]
async fn one_trace_spans_the_request_the_executor_kafka_the_bridge_the_call_and_the_outbox() {
    let collector = Collector::start().await;
    let cluster = Cluster::new().await.for_all(&["--otlp-endpoint", &collector.url(), "--log-format", "json"]);
    let (api, executor, _bridge, _relay) = tokio::join!(
        cluster.start("api", &[]),
        cluster.start("executor", &["--agent-calls", "bridge"]),
        cluster.start("bridge", &[]),
        cluster.start("relay", &[]),
    );
    let client = api.client();
    let agent = Stub::start(Behaviour::Answer).await;
    client.register(AgentSpec::new("agent", agent.url())).await;
    let id = client.create(&workflow("traced", &[("only", "agent")])).await;

    let from = format!("00-{TRACE}-{CALLER}-01");
    let path = format!("/workflows/{id}/execute");
    let answer = client.post_from(&from, &path, &json!({"input_data": {"text": "x"}})).await.expect(202);
    let run = answer["run_id"].as_str().expect("its id").to_owned();
    client.reaches(&run, "COMPLETED").await;

    let names = [
        "POST /api/v1/workflows/{workflow_id}/execute",
        "run",
        "step only",
        "call agent",
        "process agent task",
        "outbox run_ended",
    ];
    let spans = spans(&collector, TRACE, &names).await;
    // From the caller down: each names the one before it as its parent.
    let request = named(&spans, names[0]);
    assert_eq!((request.parent.as_str(), request.role.as_str()), (CALLER, "api"));
    let of_run = named(&spans, "run");
    assert_eq!((&of_run.parent, of_run.role.as_str()), (&request.id, "executor"));
    assert_eq!(named(&spans, "outbox run_ended").parent, of_run.id);
    assert_eq!(named(&spans, "outbox run_ended").role, "relay");
    let step = named(&spans, "step only");
    assert_eq!(step.parent, of_run.id);
    let calls: Vec<_> = spans.iter().filter(|span| span.name == "call agent").collect();
    let over_kafka = calls.iter().find(|call| call.role == "executor").expect("the executor's call");
    let over_http = calls.iter().find(|call| call.role == "bridge").expect("the bridge's call");
    let task = named(&spans, "process agent task");
    assert_eq!((&over_kafka.parent, &task.parent, &over_http.parent), (&step.id, &over_kafka.id, &task.id));
    assert_eq!(agent.received()[0].traceparent, Some(format!("00-{TRACE}-{}-01", over_http.id)), "the agent's header");
    for span in &spans {
        assert!(span.began <= span.ended, "{span:?}");
    }
    let ids: BTreeSet<_> = spans.iter().map(|span| &span.id).collect();
    assert_eq!(ids.len(), spans.len(), "each span has an id of its own");

    // One line for each change of the run's status, with the same trace.
    let told = [lines(&api.log(), &run), lines(&executor.log(), &run)].concat();
    let expected = ["PENDING", "RUNNING", "COMPLETED"].map(|status| (status.to_owned(), TRACE.to_owned()));
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_run_that_nobody_traces_is_told_under_the_uuid_in_its_id_and_sampling_keeps_whole_traces() {
    let collector = Collector::start().await;
    let cluster = Cluster::new().await.for_all(&["--log-format", "json"]);
    let api = cluster.start("api", &[]).await;
    let never = ["--otlp-endpoint", &collector.url(), "--trace-ratio", "0"];
    let executor = cluster.start("executor", &never).await;
    let client = api.client();
    let agent = Stub::start(Behaviour::Answer).await;
    client.register(AgentSpec::new("agent", agent.url())).await;
    let id = client.create(&workflow("untraced", &[("only", "agent")])).await;
    let run = client.execute(&id, "x").await;
    client.reaches(&run, "COMPLETED").await;

    let own = run.trim_start_matches("run-").replace('-', "");
    let header = agent.received()[0].traceparent.clone().expect("a call carries its place");
    assert!(header.starts_with(&format!("00-{own}-")), "{header}");
    let told = [lines(&api.log(), &run), lines(&executor.log(), &run)].concat();
    assert!(told.len() == 3 && told.iter().all(|(_, trace)| *trace == own), "{told:?}");
    let ended = executor.terminate().await;
    assert!(ended.status.success(), "the last spans are no reason to hang");
    assert_eq!(collector.of(&own), [], "nothing is kept of what is not to be kept");
}
