//! Lists: pages, filters and sorting.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use crate::support::{BrokenAgents, Orrery, World};

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().expect("items").iter().map(|item| item["name"].as_str().expect("a name")).collect()
}

#[actix_web::test]
async fn a_page_says_how_many_there_really_are() {
    let orrery = Orrery::new();
    for name in ["C", "A", "B"] {
        orrery.agent(name).await;
    }
    let page = orrery.get("/api/v1/agents?page=1&page_size=2").await.expect(200);
    assert_eq!(names(&page), ["A", "B"]);
    let numbers = ["total", "page", "page_size", "total_pages"].map(|member| page[member].as_u64().expect("a number"));
    assert_eq!(numbers, [3, 1, 2, 2]);
    assert!(page.get("total_is_estimate").is_none());
    let beyond = orrery.get("/api/v1/agents?page=9&page_size=2").await.expect(200);
    assert_eq!((names(&beyond).len(), &beyond["total"]), (0, &json!(3)));
    let empty = Orrery::new().get("/api/v1/runs").await.expect(200);
    assert_eq!(empty, json!({"items": [], "total": 0, "page": 1, "page_size": 20, "total_pages": 0}));
}

#[actix_web::test]
async fn an_estimated_total_says_that_it_is_one() {
    let agents = Arc::new(BrokenAgents(|| unreachable!("only lists are asked for")));
    let orrery = Orrery::within(World { agents: Some(agents), ..World::default() });
    let page = orrery.get("/api/v1/agents").await.expect(200);
    assert_eq!((&page["total"], &page["total_is_estimate"]), (&json!(12_345), &json!(true)));
}

#[actix_web::test]
async fn a_name_finds_one_agent_or_none_deleted_or_not() {
    let orrery = Orrery::new();
    let id = orrery.agent("A & B").await;
    orrery.agent("C").await;
    orrery.delete(&format!("/api/v1/agents/{id}")).await.expect(200);
    let found = orrery.get("/api/v1/agents?name=A%20%26%20B&page=7&page_size=50").await.expect(200);
    assert_eq!((names(&found), &found["page_size"], &found["page"]), (vec!["A & B"], &json!(1), &json!(1)));
    assert_eq!(names(&orrery.get("/api/v1/agents?name=None").await.expect(200)), [""; 0]);
    // An empty parameter is none; without a name, deleted agents are left out.
    assert_eq!(names(&orrery.get("/api/v1/agents?name=&status=").await.expect(200)), ["C"]);
    assert_eq!(names(&orrery.get("/api/v1/agents?status=deleted").await.expect(200)), ["A & B"]);
}

#[actix_web::test]
async fn workflows_are_sorted_as_asked() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    for name in ["b", "c", "a"] {
        orrery.workflow(name).await;
        orrery.clock.advance(Duration::from_secs(1));
    }
    let sorted = |query: &'static str| {
        let orrery = &orrery;
        async move {
            let page = orrery.get(&format!("/api/v1/workflows{query}")).await.expect(200);
            names(&page).into_iter().map(str::to_owned).collect::<Vec<_>>()
        }
    };
    assert_eq!(sorted("").await, ["a", "c", "b"]);
    assert_eq!(sorted("?sort_order=ASC").await, ["b", "c", "a"]);
    assert_eq!(sorted("?sort_by=name&sort_order=desc").await, ["c", "b", "a"]);
    assert_eq!(sorted("?name=b").await, ["b"]);
    let refused = orrery.get("/api/v1/workflows?sort_by=metadata&sort_order=up").await.mistakes();
    let expected = [
        ("query.sort_by".to_owned(), "must be one of: created_at, updated_at, name".to_owned()),
        ("query.sort_order".to_owned(), "must be one of: asc, desc".to_owned()),
    ];
    assert_eq!(refused, expected);
}

#[actix_web::test]
async fn runs_are_filtered_by_workflow_status_and_time() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let (one, two) = (orrery.workflow("one").await, orrery.workflow("two").await);
    let first = orrery.run(&one).await;
    orrery.clock.advance(Duration::from_mins(1));
    let second = orrery.run(&two).await;
    orrery.post(&format!("/api/v1/runs/{second}/cancel"), json!({})).await.expect(200);
    let found = |query: String| {
        let orrery = &orrery;
        async move {
            let page = orrery.get(&format!("/api/v1/runs?{query}")).await.expect(200);
            let ids = page["items"]
                .as_array()
                .expect("items")
                .iter()
                .map(|run| run["id"].as_str().expect("an id").to_owned());
            ids.collect::<Vec<_>>()
        }
    };
    assert_eq!(found("sort_by=created_at&sort_order=desc&page_size=50".into()).await, [second.clone(), first.clone()]);
    assert_eq!(found(format!("workflow_id={one}")).await, vec![first.clone()]);
    assert_eq!(found(format!("workflow_definition_id={two}")).await, vec![second.clone()]);
    assert_eq!(found("status=CANCELLED".into()).await, vec![second.clone()]);
    for after in
        ["2026-01-31T12:00:30Z", "2026-01-31T12:00:30", "2026-01-31T13:00:30%2B01:00", "2026-01-31T13:00:30+01:00"]
    {
        assert_eq!(found(format!("created_after={after}")).await, vec![second.clone()], "{after}");
        assert_eq!(found(format!("created_before={after}")).await, vec![first.clone()], "{after}");
    }
    let refused = orrery
        .get(&format!("/api/v1/runs?status=completed&created_after=now&workflow_id=x&workflow_definition_id={one}"))
        .await
        .mistakes();
    let expected = [
        ("query.workflow_id", "must be a UUID, like 0190c0de-0000-7000-8000-000000000000"),
        ("query.created_after", "must be a date and time, like 2026-01-31T12:00:00Z"),
        ("query.status", "must be one of: PENDING, RUNNING, COMPLETED, FAILED, CANCELLED"),
    ];
    for (field, message) in expected {
        assert!(refused.contains(&(field.to_owned(), message.to_owned())), "{field} in {refused:#?}");
    }
    let both = orrery.get(&format!("/api/v1/runs?workflow_id={one}&workflow_definition_id={two}")).await.mistakes();
    assert_eq!(both[0].0, "query.workflow_definition_id");
}
