//! Tokens of an identity provider: the real binary, with a provider that it was told of.

use e2e_tests::Orrery;
use reqwest::Client;
use serde_json::{Value, json};

/// With what the provider signs.
const SECRET: &str = "a-secret-of-tests-that-nobody-else-knows";

/// For alice, among the operators, until the year 2100.
const GOOD: &str = "eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9.eyJpc3MiOiAiaHR0cHM6Ly9pZC5leGFtcGxlLm9yZyIsICJzdWIiOiAiYWxpY2UiLCAiZXhwIjogNDEwMjQ0NDgwMCwgImdyb3VwcyI6IFsib3JyZXJ5LW9wZXJhdG9ycyJdLCAiYXVkIjogIm9ycmVyeSJ9.8dIRzzEpb6gHfktwPG3jShq7HLn5ra5rvDrPvWWyUq0";

/// The same, and what is wrong with it.
const BAD: [(&str, &str); 4] = [
    (
        "another audience",
        "eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9.eyJpc3MiOiAiaHR0cHM6Ly9pZC5leGFtcGxlLm9yZyIsICJzdWIiOiAiYWxpY2UiLCAiZXhwIjogNDEwMjQ0NDgwMCwgImdyb3VwcyI6IFsib3JyZXJ5LW9wZXJhdG9ycyJdLCAiYXVkIjogImFub3RoZXIifQ.PSlMU4yFbN8_4WPeHZQmW3k1jHi1aDyihKm-6-JMrko",
    ),
    (
        "another secret",
        "eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9.eyJpc3MiOiAiaHR0cHM6Ly9pZC5leGFtcGxlLm9yZyIsICJzdWIiOiAiYWxpY2UiLCAiZXhwIjogNDEwMjQ0NDgwMCwgImdyb3VwcyI6IFsib3JyZXJ5LW9wZXJhdG9ycyJdLCAiYXVkIjogIm9ycmVyeSJ9.yvACbajfGI531AiXSr656Tz_9FWzbFWix8pYpjAM24c",
    ),
    (
        "expired",
        "eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9.eyJpc3MiOiAiaHR0cHM6Ly9pZC5leGFtcGxlLm9yZyIsICJzdWIiOiAiYWxpY2UiLCAiZXhwIjogMTcwMDAwMDAwMCwgImdyb3VwcyI6IFsib3JyZXJ5LW9wZXJhdG9ycyJdLCAiYXVkIjogIm9ycmVyeSJ9.pGO0AvBmiLSvMdbcEuEUZjKQ0Blpa0B_VWuQbcW2aU0",
    ),
    (
        "no signature",
        "eyJhbGciOiJub25lIn0.eyJpc3MiOiAiaHR0cHM6Ly9pZC5leGFtcGxlLm9yZyIsICJzdWIiOiAiYWxpY2UiLCAiZXhwIjogNDEwMjQ0NDgwMCwgImdyb3VwcyI6IFsib3JyZXJ5LW9wZXJhdG9ycyJdLCAiYXVkIjogIm9ycmVyeSJ9.",
    ),
];

#[tokio::test]
async fn whoever_has_a_token_of_the_provider_is_known_by_it_and_has_the_role_of_its_group() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (issuers, secret) = (folder.path().join("issuers.json"), folder.path().join("provider.secret"));
    std::fs::write(&secret, SECRET).expect("it can be written");
    let settings = json!({"issuers": [{
        "issuer": "https://id.example.org",
        "audiences": ["orrery"],
        "hs256_secret_file": secret,
        "role_claim": "groups",
        "roles": {"orrery-operators": "operator"},
    }]});
    std::fs::write(&issuers, settings.to_string()).expect("it can be written");
    let issuers = issuers.to_str().expect("the path is UTF-8");
    let data = folder.path().to_str().expect("the path is UTF-8");
    let orrery = Orrery::launch(&["--data", data, "--jwt-issuers-file", issuers], folder.path()).await;
    let http = Client::builder().no_proxy().build().expect("a client can be made");
    let get = |path: &str, token: &str| http.get(format!("{}{path}", orrery.url())).bearer_auth(token).send();

    let me = get("/api/v1/auth/me", GOOD).await.expect("an answer");
    assert_eq!(me.status(), 200);
    let me: Value = serde_json::from_slice(&me.bytes().await.expect("all of it")).expect("JSON");
    assert_eq!((&me["principal"], &me["role"]), (&json!("jwt:alice"), &json!("operator")));
    assert_eq!(get("/api/v1/runs", GOOD).await.expect("an answer").status(), 200);
    assert_eq!(get("/api/v1/audit-logs", GOOD).await.expect("an answer").status(), 403);
    for (what, token) in BAD {
        assert_eq!(get("/api/v1/runs", token).await.expect("an answer").status(), 401, "{what}");
    }
}
