//! Entity tags of agents, workflows and their versions.

use actix_web::test::TestRequest;
use domain::access::Role;
use serde_json::{Value, json};

use crate::{
    callers::{BLIND, Callers, key_of, presenting},
    support::{Answer, Orrery, step},
};

impl Orrery {
    async fn put_if(&self, tag: &str, path: &str, body: Value) -> Answer {
        self.send(TestRequest::put().insert_header(("if-match", tag)).set_json(body), path).await
    }

    async fn delete_if(&self, tag: &str, path: &str) -> Answer {
        self.send(TestRequest::delete().insert_header(("if-match", tag)), path).await
    }

    async fn get_unless(&self, tag: &str, path: &str) -> Answer {
        self.send(TestRequest::get().insert_header(("if-none-match", tag)), path).await
    }
}

/// Agent `A` and workflow `w`: their paths.
async fn things(orrery: &Orrery) -> [(String, Value); 2] {
    let (agent, workflow) = (orrery.agent("A").await, orrery.workflow("w").await);
    [
        (format!("/api/v1/agents/{agent}"), json!({"description": "another"})),
        (format!("/api/v1/workflows/{workflow}"), json!({"description": "another"})),
    ]
}

fn tag(answer: &Answer) -> String {
    let tag = answer.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "{tag}");
    tag
}

#[actix_web::test]
async fn a_tag_is_the_same_wherever_a_revision_is_answered_and_another_after_a_change() {
    let orrery = Orrery::new();
    let made = orrery.post("/api/v1/agents", json!({"name": "a", "url": "http://agent:8080"})).await;
    let path = made.header("location").to_owned();
    assert_eq!(tag(&made), tag(&orrery.get(&path).await));
    for (path, change) in things(&orrery).await {
        let before = tag(&orrery.get(&path).await);
        let changed = orrery.put(&path, change).await;
        assert_eq!(changed.status, 200);
        assert_ne!(tag(&changed), before, "{path}");
        assert_eq!(tag(&changed), tag(&orrery.get(&path).await), "{path}");
    }
}

#[actix_web::test]
async fn what_has_changed_since_it_was_read_is_not_overwritten_and_not_deleted() {
    let orrery = Orrery::new();
    for (path, change) in things(&orrery).await {
        let old = tag(&orrery.get(&path).await);
        let new = tag(&orrery.put_if(&old, &path, change.clone()).await);
        for answer in [orrery.put_if(&old, &path, change.clone()).await, orrery.delete_if(&old, &path).await] {
            answer.problem(412, "precondition_failed");
            assert_eq!(tag(&answer), new, "it tells which revision there is");
        }
        assert_eq!(tag(&orrery.get(&path).await), new, "nothing was changed");
        let list = format!("\"x\", {old} , {new}");
        let newest = tag(&orrery.put_if(&list, &path, change.clone()).await);
        orrery.put_if(&format!("W/{newest}"), &path, change.clone()).await.problem(412, "precondition_failed");
        orrery.put_if("*", &path, change).await.expect(200);
        let last = tag(&orrery.get(&path).await);
        orrery.delete_if(&last, &path).await.expect(200);
    }
}

#[actix_web::test]
async fn the_tag_of_one_thing_is_not_that_of_another() {
    let orrery = Orrery::new();
    let (one, other) = (orrery.agent("A").await, orrery.agent("B").await);
    let of_other = tag(&orrery.get(&format!("/api/v1/agents/{other}")).await);
    let answer = orrery.put_if(&of_other, &format!("/api/v1/agents/{one}"), json!({"description": "x"})).await;
    answer.problem(412, "precondition_failed");
}

#[actix_web::test]
async fn versions_have_tags_of_their_own() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let id = orrery.workflow("w").await;
    let first = tag(&orrery.get(&format!("/api/v1/workflows/{id}")).await);
    orrery.put(&format!("/api/v1/workflows/{id}"), json!({"steps": {"one": step("one")}})).await.expect(200);
    let path = format!("/api/v1/workflows/{id}/versions/1");
    let old = orrery.get(&path).await;
    assert_ne!(tag(&old), first, "it has moved to an id of its own");
    let status = json!({"status": "archived"});
    orrery.put_if(&first, &path, status.clone()).await.problem(412, "precondition_failed");
    let changed = orrery.put_if(&tag(&old), &path, status).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    orrery.delete_if(&tag(&old), &path).await.problem(412, "precondition_failed");
    orrery.delete_if(&tag(&changed), &path).await.expect(200);
}

#[actix_web::test]
async fn whoever_has_a_workflow_is_not_sent_it_again() {
    let orrery = Orrery::new();
    let [_, (path, change)] = things(&orrery).await;
    for path in [path.clone(), format!("{path}/versions/1")] {
        let known = tag(&orrery.get(&path).await);
        for tags in [known.clone(), format!("\"x\", W/{known}"), "*".to_owned()] {
            let answer = orrery.get_unless(&tags, &path).await;
            assert_eq!((answer.status.as_u16(), answer.body.len()), (304, 0), "{path} {tags}");
            assert_eq!(tag(&answer), known);
        }
        assert_eq!(orrery.get_unless("\"x\"", &path).await.status, 200);
    }
    let known = tag(&orrery.get(&path).await);
    orrery.put(&path, change).await.expect(200);
    assert_eq!(orrery.get_unless(&known, &path).await.status, 200);
}

#[actix_web::test]
async fn an_agent_is_always_sent_because_more_than_its_revision_is_told_of_it() {
    let orrery = Orrery::new();
    let [(path, _), _] = things(&orrery).await;
    let known = tag(&orrery.get(&path).await);
    assert_eq!(orrery.get_unless(&known, &path).await.status, 200);
}

#[actix_web::test]
async fn what_is_shown_without_payloads_has_another_tag_that_is_as_good_for_a_change() {
    let orrery = Orrery::new();
    let [_, (path, change)] = things(&orrery).await;
    let shown = tag(&orrery.get(&path).await);
    let door = orrery.behind(Callers);
    let blind = |request: TestRequest| presenting(request, BLIND);
    let hidden = door.send(blind(TestRequest::get()), &path).await;
    assert_ne!(tag(&hidden), shown);
    let known = TestRequest::get().insert_header(("if-none-match", tag(&hidden)));
    assert_eq!(
        door.send(presenting(known, &key_of(Role::Admin)), &path).await.status,
        200,
        "it has not seen all of it"
    );
    orrery.put_if(&tag(&hidden), &path, change).await.expect(200);
}

#[actix_web::test]
async fn what_is_no_list_of_tags_is_a_mistake() {
    let orrery = Orrery::new();
    let [(path, change), (workflow, _)] = things(&orrery).await;
    for tags in ["", "1", "\"a", "a\"", "*, \"a\""] {
        let mistakes = orrery.put_if(tags, &path, change.clone()).await.mistakes();
        assert_eq!((mistakes.len(), mistakes[0].0.as_str()), (1, "header.If-Match"), "{tags}");
        let mistakes = orrery.get_unless(tags, &workflow).await.mistakes();
        assert_eq!((mistakes.len(), mistakes[0].0.as_str()), (1, "header.If-None-Match"), "{tags}");
    }
}

#[actix_web::test]
async fn what_changes_nothing_makes_no_revision() {
    let orrery = Orrery::new();
    let agent = format!("/api/v1/agents/{}", orrery.agent("A").await);
    let workflow = format!("/api/v1/workflows/{}", orrery.workflow("w").await);
    for path in [agent, workflow] {
        let before = orrery.get(&path).await;
        for nothing in [json!({}), json!({"status": "active"})] {
            let after = orrery.put(&path, nothing).await;
            assert_eq!((tag(&after), after.expect(200)), (tag(&before), before.expect(200)), "{path}");
        }
        let changed = orrery.put(&path, json!({"description": "new"})).await;
        assert_ne!(tag(&changed), tag(&before), "{path}");
    }
}
