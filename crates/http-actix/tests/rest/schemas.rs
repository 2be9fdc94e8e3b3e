//! What workflows and agents declare about values.

use serde_json::{Value, json};

use crate::support::{Orrery, workflow};

const WORKFLOWS: &str = "/api/v1/workflows";

fn places(problem: &Value) -> Vec<(&str, &str)> {
    let errors = problem["errors"].as_array().expect("mistakes").iter();
    errors.map(|e| (e["pointer"].as_str().expect("a pointer"), e["code"].as_str().unwrap_or_default())).collect()
}

fn declaring(input_schema: Value) -> Value {
    let mut workflow = workflow("w");
    workflow["input_schema"] = input_schema;
    workflow
}

fn number_a() -> Value {
    json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": false})
}

#[actix_web::test]
async fn a_workflow_tells_what_it_declares_and_a_change_of_that_makes_a_version() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let mut new = declaring(number_a());
    new["output"] = json!({"all": "${one.output}"});
    let made = orrery.post(WORKFLOWS, new).await.expect(201);
    let data = &made["workflow_data"];
    assert_eq!((&data["input_schema"], &data["output"]), (&number_a(), &json!({"all": "${one.output}"})));

    let path = format!("{WORKFLOWS}/{}", made["id"].as_str().expect("an id"));
    let changed = orrery.put(&path, json!({"output": "${one.output}"})).await.expect(200);
    let data = &changed["workflow_data"];
    assert_eq!((&changed["version"], &data["output"]), (&json!(2), &json!("${one.output}")));
    assert_eq!((&data["input_schema"], &data["start_step"]), (&number_a(), &json!("one")));
    let cleared = orrery.put(&path, json!({"input_schema": null, "output": null})).await.expect(200);
    assert_eq!(cleared["version"], 3);
    let data = cleared["workflow_data"].as_object().expect("an object");
    assert!(!data.contains_key("input_schema") && !data.contains_key("output"), "{data:?}");
}

#[actix_web::test]
async fn a_schema_that_is_none_is_refused_with_the_place_in_it() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let broken = declaring(json!({"properties": {"a/b": {"type": "text"}}}));
    let problem = orrery.post(WORKFLOWS, broken.clone()).await.problem(422, "workflow_invalid");
    assert_eq!(places(&problem), [("/input_schema/properties/a~1b/type", "invalid_schema")]);
    let checked = json!({"start_step": "one", "steps": broken["steps"], "input_schema": broken["input_schema"]});
    let told = orrery.post(&format!("{WORKFLOWS}/validate"), checked).await.expect(200);
    assert_eq!((&told["valid"], &told["diagnostics"][0]["code"]), (&json!(false), &json!("invalid_schema")));
    assert_eq!(orrery.post(WORKFLOWS, declaring(json!("{}"))).await.mistakes()[0].0, "body.input_schema");
}

#[actix_web::test]
async fn an_input_that_does_not_fit_is_refused_with_every_violation_and_nothing_is_stored() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let made = orrery.post(WORKFLOWS, declaring(number_a())).await.expect(201);
    let path = format!("{WORKFLOWS}/{}/execute", made["id"].as_str().expect("an id"));
    let problem = orrery.post(&path, json!({"input_data": {"a": "x", "b": 1}})).await.problem(422, "input_invalid");
    assert_eq!(places(&problem).len(), 2, "{problem:#}");
    assert!(places(&problem).contains(&("/input_data/a", "")), "{problem:#}");
    assert!(places(&problem).contains(&("/input_data", "")), "{problem:#}");
    assert_eq!(orrery.get("/api/v1/runs").await.expect(200)["total"], 0);
    orrery.post(&path, json!({"input_data": {"a": 1}})).await.expect(202);
}

const AGENTS: &str = "/api/v1/agents";

#[actix_web::test]
async fn an_agent_tells_its_schemas_until_they_are_cleared() {
    let orrery = Orrery::new();
    let new = json!({"name": "A", "url": "http://h", "input_schema": number_a(), "output_schema": {"type": "string"}});
    let made = orrery.post(AGENTS, new).await.expect(201);
    let path = format!("{AGENTS}/{}", made["id"].as_str().expect("an id"));
    let read = orrery.get(&path).await.expect(200);
    assert_eq!((&read["input_schema"], &read["output_schema"]), (&number_a(), &json!({"type": "string"})));
    // What was read can be sent back, and what is left out is kept.
    orrery.put(&path, json!({"input_schema": read["input_schema"], "description": "x"})).await.expect(200);
    let cleared = orrery.put(&path, json!({"output_schema": null})).await.expect(200);
    assert_eq!((&cleared["input_schema"], cleared.get("output_schema")), (&number_a(), None));
}

#[actix_web::test]
async fn schemas_of_an_agent_that_are_none_are_refused_with_their_places() {
    let orrery = Orrery::new();
    let id = orrery.agent("A").await;
    let broken = json!({"input_schema": {"type": "text"}, "output_schema": {"$ref": "http://elsewhere/x"}});
    let mut new = broken.clone();
    new["name"] = "B".into();
    new["url"] = "http://h".into();
    for answer in [orrery.post(AGENTS, new).await, orrery.put(&format!("{AGENTS}/{id}"), broken).await] {
        let problem = answer.problem(422, "validation_failed");
        let found = places(&problem);
        assert_eq!((found.len(), found[0]), (2, ("/input_schema/type", "invalid_schema")), "{problem:#}");
        assert!(found[1].0.starts_with("/output_schema"), "{problem:#}");
    }
    assert_eq!(orrery.get(&format!("{AGENTS}/{id}")).await.expect(200).get("input_schema"), None);
}

#[actix_web::test]
async fn a_change_of_an_agents_schemas_names_the_workflows_that_it_breaks() {
    let orrery = Orrery::new();
    let agent = format!("{AGENTS}/{}", orrery.agent("A").await);
    let workflow = orrery.workflow("w").await;
    assert_eq!(orrery.put(&agent, json!({"description": "x"})).await.expect(200).get("affected_workflows"), None);
    let harmless = json!({"output_schema": {"type": "object"}});
    assert_eq!(orrery.put(&agent, harmless).await.expect(200)["affected_workflows"], json!([]));
    let changed = orrery.put(&agent, json!({"input_schema": {"type": "object", "required": ["y"]}})).await.expect(200);
    let [affected] = changed["affected_workflows"].as_array().expect("a list").as_slice() else {
        panic!("{changed:#}")
    };
    assert_eq!((&affected["id"], &affected["name"], &affected["version"]), (&json!(workflow), &json!("w"), &json!(1)));
    let finding = &affected["diagnostics"][0];
    assert_eq!(
        (&finding["code"], &finding["pointer"]),
        (&json!("required_input_missing"), &json!("/steps/one/input_mapping"))
    );
    assert_eq!(changed["input_schema"]["required"], json!(["y"]), "it is changed all the same");
}

#[actix_web::test]
async fn a_document_is_checked_against_what_its_agents_declare() {
    let orrery = Orrery::new();
    let takes = json!({"type": "object", "properties": {"x": {"type": "integer", "minimum": 1}}});
    orrery.post(AGENTS, json!({"name": "A", "url": "http://h", "input_schema": takes})).await.expect(201);
    let mut document = json!({"start_step": "one", "steps": workflow("w")["steps"], "input_schema": {
        "type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}});
    let told = orrery.post(&format!("{WORKFLOWS}/validate"), document.clone()).await.expect(200);
    let finding = &told["diagnostics"][0];
    assert_eq!(
        (&finding["code"], &finding["pointer"]),
        (&json!("type_mismatch"), &json!("/steps/one/input_mapping/x"))
    );
    document["steps"]["one"]["input_mapping"]["x"] = json!(0);
    let told = orrery.post(&format!("{WORKFLOWS}/validate"), document).await.expect(200);
    let finding = &told["diagnostics"][0];
    assert_eq!(
        (&finding["code"], &finding["pointer"]),
        (&json!("invalid_literal"), &json!("/steps/one/input_mapping/x"))
    );
}
