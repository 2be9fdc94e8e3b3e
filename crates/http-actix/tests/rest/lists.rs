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

/// Reads a list to its end by cursor and answers the ids that each page held.
async fn walked(orrery: &Orrery, list: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut asked = list.to_owned();
    loop {
        let page = orrery.get(&asked).await.expect(200);
        pages.push(page["items"].as_array().expect("items").iter().map(|item| item["id"].to_string()).collect());
        let Some(cursor) = page.get("next_cursor") else { return pages };
        asked = format!("{list}&cursor={}", cursor.as_str().expect("a text"));
    }
}

#[actix_web::test]
async fn every_list_can_be_read_by_cursor_and_then_tells_no_total() {
    let orrery = Orrery::new();
    for name in ["A", "b", "c"] {
        orrery.agent(name).await;
        orrery.workflow(name).await;
    }
    let workflow = orrery.workflow("c").await;
    for _ in 0..2 {
        orrery.run(&workflow).await;
        orrery.clock.advance(Duration::from_secs(1));
    }
    orrery.run(&workflow).await;
    for (list, most) in [
        ("/api/v1/runs?sort_order=asc".to_owned(), 3),
        ("/api/v1/runs?sort_by=updated_at".to_owned(), 3),
        ("/api/v1/agents?sort_by=created_at".to_owned(), 3),
        ("/api/v1/agents?status=active".to_owned(), 3),
        ("/api/v1/workflows?sort_by=name".to_owned(), 3),
        ("/api/v1/workflows?sort_order=asc".to_owned(), 3),
    ] {
        let whole = orrery.get(&list).await.expect(200);
        assert_eq!((whole["items"].as_array().map(Vec::len), whole.get("next_cursor")), (Some(most), None), "{list}");
        let wanted: Vec<_> =
            whole["items"].as_array().expect("items").iter().map(|item| item["id"].to_string()).collect();
        let pages = walked(&orrery, &format!("{list}&page_size=2")).await;
        assert_eq!((pages.len(), pages.concat()), (2, wanted), "{list}");
    }
    let first = orrery.get("/api/v1/runs?page_size=1").await.expect(200);
    let cursor = first["next_cursor"].as_str().expect("more runs");
    let second = orrery.get(&format!("/api/v1/runs?page_size=2&cursor={cursor}")).await.expect(200);
    let members: Vec<_> = second.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(members, ["items", "page_size"]);
}

#[actix_web::test]
async fn a_cursor_of_another_list_sorting_or_filter_is_refused() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let workflow = orrery.workflow("w").await;
    orrery.workflow("v").await;
    for _ in 0..2 {
        orrery.run(&workflow).await;
    }
    let next = async |list: &str| {
        let page = orrery.get(list).await.expect(200);
        page["next_cursor"].as_str().expect("more").to_owned()
    };
    let runs = next("/api/v1/runs?status=PENDING&page_size=1").await;
    let workflows = next("/api/v1/workflows?page_size=1").await;
    let foreign = "belongs to another list, filter or sorting; only `page_size` may change from page to page";
    for (query, cursor) in [
        ("runs?status=PENDING", &workflows),
        ("runs?page_size=1", &runs),
        ("runs?status=FAILED", &runs),
        ("runs?status=PENDING&sort_order=asc", &runs),
        ("runs?status=PENDING&sort_by=updated_at", &runs),
        ("workflows?sort_by=name", &workflows),
        ("agents?page_size=1", &workflows),
        ("users?page_size=1", &workflows),
        ("api-keys?page_size=1", &runs),
        ("dlq?page_size=1", &runs),
    ] {
        let refused = orrery.get(&format!("/api/v1/{query}&cursor={cursor}")).await;
        assert_eq!(refused.mistakes(), [("query.cursor".to_owned(), foreign.to_owned())], "{query}");
    }
    // What means the same may be spelled otherwise.
    orrery.get(&format!("/api/v1/runs?sort_order=DESC&page_size=2&status=PENDING&cursor={runs}")).await.expect(200);
}

#[actix_web::test]
async fn versions_are_read_by_cursor_and_not_with_that_of_another_workflow() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let (one, two) = (orrery.workflow("one").await, orrery.workflow("two").await);
    for workflow in [&one, &one, &two] {
        let steps = json!({"start_step": "one", "steps": {"one": crate::support::step("one")}});
        orrery.put(&format!("/api/v1/workflows/{workflow}"), steps).await.expect(200);
    }
    let versions = async |workflow: &str, more: &str| {
        orrery.get(&format!("/api/v1/workflows/{workflow}/versions?page_size=2{more}")).await
    };
    let numbers = |page: &Value| -> Vec<u64> {
        page["items"].as_array().expect("items").iter().filter_map(|row| row["version"].as_u64()).collect()
    };
    let first = versions(&one, "").await.expect(200);
    let cursor = format!("&cursor={}", first["next_cursor"].as_str().expect("an older version"));
    let second = versions(&one, &cursor).await.expect(200);
    assert_eq!((numbers(&first), numbers(&second)), (vec![3, 2], vec![1]));
    let refused = versions(&two, &cursor).await.mistakes();
    assert_eq!(refused, [("query.cursor".to_owned(), "belongs to the versions of another workflow".to_owned())]);
}

#[actix_web::test]
async fn a_cursor_that_none_has_given_or_with_a_page_is_refused() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    orrery.agent("B").await;
    let page = orrery.get("/api/v1/agents?page_size=1").await.expect(200);
    let cursor = page["next_cursor"].as_str().expect("more");
    let both = orrery.get(&format!("/api/v1/agents?page=1&cursor={cursor}")).await.mistakes();
    assert_eq!(both, [("query.cursor".to_owned(), "must not come together with page".to_owned())]);
    for nonsense in ["7", "abcd", "%21", &cursor[..cursor.len() - 3], &format!("{cursor}AAAA")] {
        let refused = orrery.get(&format!("/api/v1/agents?cursor={nonsense}")).await.mistakes();
        let wanted = "is no `next_cursor` of a page; leave it out to begin at the first one";
        assert_eq!(refused, [("query.cursor".to_owned(), wanted.to_owned())], "{nonsense}");
    }
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
        ("query.status.0", "must be one of: PENDING, RUNNING, COMPLETED, FAILED, CANCELLED"),
    ];
    for (field, message) in expected {
        assert!(refused.contains(&(field.to_owned(), message.to_owned())), "{field} in {refused:#?}");
    }
    let both = orrery.get(&format!("/api/v1/runs?workflow_id={one}&workflow_definition_id={two}")).await.mistakes();
    assert_eq!(both[0].0, "query.workflow_definition_id");
}

#[actix_web::test]
async fn runs_are_found_by_labels_statuses_names_and_errors() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let (one, two) = (orrery.workflow("one").await, orrery.workflow("two").await);
    let started = async |workflow: &str, labels: Value| {
        let body = json!({"input_data": {}, "labels": labels});
        let run = orrery.post(&format!("/api/v1/workflows/{workflow}/execute"), body).await.expect(202);
        orrery.clock.advance(Duration::from_secs(1));
        assert_eq!(run["labels"], labels);
        run["id"].as_str().expect("an id").to_owned()
    };
    let blue = started(&one, json!({"team": "blue", "example.org/env": "a: b"})).await;
    let red = started(&two, json!({"team": "red", "example.org/env": "a: b"})).await;
    let bare = started(&two, json!({})).await;
    let reason = json!({"reason": "Not needed ANY more"});
    orrery.post(&format!("/api/v1/runs/{red}/cancel"), reason).await.expect(200);
    for (query, wanted) in [
        ("", vec![&blue, &red, &bare]),
        ("labels=team:blue", vec![&blue]),
        ("labels=example.org/env:a:+b", vec![&blue, &red]),
        ("labels=example.org/env:a:%20b,team:red", vec![&red]),
        ("labels=team:", vec![]),
        ("labels=team:blue&status=CANCELLED", vec![]),
        ("status=CANCELLED,PENDING", vec![&blue, &red, &bare]),
        ("status=CANCELLED,FAILED", vec![&red]),
        ("workflow_name=two", vec![&red, &bare]),
        ("workflow_version=1&workflow_name=one", vec![&blue]),
        ("workflow_version=2", vec![]),
        ("triggered_by=system", vec![&blue, &red, &bare]),
        ("triggered_by=nobody", vec![]),
        ("error_contains=any+MORE", vec![&red]),
        ("completed_after=2020-01-01", vec![]),
    ] {
        let page = orrery.get(&format!("/api/v1/runs?sort_order=asc&{query}")).await.expect(200);
        let found: Vec<_> = page["items"].as_array().expect("items").iter().map(|run| run["id"].as_str()).collect();
        assert_eq!(found, wanted.into_iter().map(|id| Some(id.as_str())).collect::<Vec<_>>(), "{query}");
    }
    assert_eq!(orrery.get(&format!("/api/v1/runs/{bare}")).await.expect(200)["labels"], json!({}));
    let filter = json!({"filter": {"labels": {"team": "blue"}, "workflow_name": "one"}, "dry_run": true});
    let many = orrery.post("/api/v1/runs/bulk-cancel", filter).await.expect(200);
    assert_eq!((&many["would_change"], &many["runs"][0]["run_id"]), (&json!(1), &json!(blue)));
}

#[actix_web::test]
async fn labels_that_cannot_be_are_refused_each_with_its_place() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let workflow = orrery.workflow("w").await;
    let execute = format!("/api/v1/workflows/{workflow}/execute");
    let labels = json!({"a b": "x", "fine": "x", "list.": "a,b", "long": "x".repeat(129), "number": 7});
    let refused = orrery.post(&execute, json!({"input_data": {}, "labels": labels})).await.mistakes();
    let fields: Vec<_> = refused.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["body.labels.list.", "body.labels.long", "body.labels.number", "body.labels.a b"]);
    let many: serde_json::Map<_, _> = (0..17).map(|n| (n.to_string(), json!(""))).collect();
    let refused = orrery.post(&execute, json!({"input_data": {}, "labels": many})).await.mistakes();
    assert_eq!(refused, [("body.labels".to_owned(), "must have at most 16 members".to_owned())]);
    let refused = orrery.get("/api/v1/runs?labels=fine:x,no,a+b:x&status=PENDING,new").await.mistakes();
    let fields: Vec<_> = refused.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["query.labels.1", "query.labels.2", "query.status.1"]);
    let refused = orrery.get("/api/v1/runs?labels=a:1,a:2").await.mistakes();
    assert_eq!(refused, [("query.labels".to_owned(), "must not give a label two values".to_owned())]);
}

#[actix_web::test]
async fn agents_and_workflows_are_found_by_parts_of_their_names() {
    let orrery = Orrery::new();
    for name in ["Fetcher", "prefetch", "Other"] {
        orrery.agent(name).await;
    }
    orrery.agent("A").await;
    for name in ["Nightly report", "import"] {
        orrery.workflow(name).await;
    }
    let found = orrery.get("/api/v1/agents?name_contains=FETCH").await.expect(200);
    assert_eq!(names(&found), ["Fetcher", "prefetch"]);
    let found = orrery.get("/api/v1/agents?name_contains=fetch&sort_order=desc&status=active").await.expect(200);
    assert_eq!(names(&found), ["prefetch", "Fetcher"]);
    let found = orrery.get("/api/v1/workflows?name_contains=Port&sort_by=name&sort_order=asc").await.expect(200);
    assert_eq!(names(&found), ["Nightly report", "import"]);
}

#[actix_web::test]
async fn a_parameter_that_is_a_list_may_be_repeated_and_no_other_one_may() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let workflow = orrery.workflow("w").await;
    let failed = orrery.run(&workflow).await;
    orrery.fails(&failed, "no");
    orrery.run(&workflow).await;
    for (query, expected) in [
        ("status=FAILED&status=PENDING", 2),
        ("status=FAILED,PENDING", 2),
        ("status=FAILED&status=CANCELLED,COMPLETED", 1),
        ("labels=team:blue&labels=env:prod", 0),
    ] {
        let page = orrery.get(&format!("/api/v1/runs?{query}")).await.expect(200);
        assert_eq!(page["total"], expected, "{query}");
    }
    let told = orrery.get("/api/v1/runs/events?after=start&status=FAILED&status=CANCELLED").await.mistakes();
    assert_eq!(told, [("query.status".to_owned(), "is given more than once".to_owned())]);
    let found = orrery.get("/api/v1/runs?status=FAILED&status=DONE&page=1&page=2").await.mistakes();
    let places: Vec<_> = found.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["query.page", "query.status.1"], "{found:?}");
    let found = orrery.get("/api/v1/runs?status=&labels=").await.mistakes();
    assert_eq!(found.len(), 2, "an empty filter is not all there is: {found:?}");
}

#[actix_web::test]
async fn runs_are_found_by_the_run_that_they_follow() {
    let orrery = Orrery::new();
    let asked = orrery.get("/api/v1/runs?follows_run_id=run-1&triggered_by=on_complete:run-1").await.expect(200);
    assert_eq!(asked["total"], 0);
    let found = orrery.get("/api/v1/runs?follows_run_id=run-1&triggered_by=user:alice").await.mistakes();
    assert_eq!(found[0].0, "query.follows_run_id", "{found:?}");
}
