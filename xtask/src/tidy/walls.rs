//! The table of ARCHITECTURE.md: which crate may depend on which. Dev-dependencies are exempt: tests may look over walls.

use serde_json::Value;

use super::finding::Finding;

/// A member of the workspace with its normal and build dependencies.
#[derive(Debug, Clone)]
pub(super) struct Package {
    name: String,
    manifest: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Clone)]
struct Dependency {
    name: String,
    features: Vec<String>,
}

/// What the domain may use; everything else is refused, because the inside of the house grows by decision only.
const DOMAIN_MAY_USE: [&str; 10] =
    ["serde", "serde_json", "thiserror", "uuid", "chrono", "async-trait", "sha2", "bytes", "ipnet", "mockall"];

/// Drivers, with the crates that own them. A name that ends in `*` is a prefix.
const OWNED: [(&str, &[&str]); 12] = [
    ("rusqlite", &["adapters-sqlite", "e2e-tests"]),
    ("sea-orm*", &["adapters-postgres", "migration"]),
    ("rdkafka", &["adapters-kafka", "e2e-tests"]),
    ("actix-*", &["http-actix", "demo-agents"]),
    // An agent that reports later calls back; the terminal asks servers.
    ("reqwest", &["adapters-auth", "adapters-http", "client", "demo-agents", "http-actix", "xtask", "e2e-tests"]),
    ("biscuit-auth", &["adapters-auth"]),
    ("argon2", &["adapters-auth"]),
    ("jsonwebtoken", &["adapters-auth"]),
    // The port `Spans` is what everybody else knows of traces.
    ("opentelemetry*", &["adapters-otlp", "e2e-tests"]),
    // Time zones change with the world, and what a schedule means must not differ between two places of this program.
    ("croner", &["adapters-cron"]),
    ("chrono-tz", &["adapters-cron"]),
    // The REST door checks requests against its own schemas, a dry run at the terminal against those that the server shows.
    ("jsonschema", &["adapters-schema", "client", "http-actix"]),
];

/// Crates that must not see others, beside [`OWNED`].
const FORBIDDEN: [(&str, &[&str]); 8] = [
    ("application", &["executor", "http-actix", "adapters-*", "tokio", "tokio-util", "http", "hyper*"]),
    ("executor", &["http-actix", "adapters-*", "http", "hyper*"]),
    ("adapters-*", &["adapters-*", "application", "executor", "http-actix"]),
    ("port-contracts", &["application", "executor", "http-actix", "adapters-*"]),
    ("dev-services", &["domain", "application", "executor", "http-actix", "adapters-*"]),
    // It works with a server of any version, so it knows nothing but the REST API.
    ("client", &["domain", "application", "executor", "http-actix", "adapters-*"]),
    ("demo-agents", &["domain", "application", "executor", "http-actix", "adapters-*"]),
    ("e2e-tests", &["domain", "application", "executor", "http-actix", "adapters-*"]),
];

/// Reads `cargo metadata`.
pub(super) fn packages(metadata: &Value) -> Vec<Package> {
    let root = format!("{}/", metadata["workspace_root"].as_str().unwrap_or_default());
    let of_package = |package: &Value| Package {
        name: text(&package["name"]),
        manifest: text(&package["manifest_path"]).replace(&root, ""),
        dependencies: list(&package["dependencies"]).iter().filter(|d| d["kind"] != "dev").map(of_dependency).collect(),
    };
    list(&metadata["packages"]).iter().map(of_package).collect()
}

fn of_dependency(dependency: &Value) -> Dependency {
    Dependency { name: text(&dependency["name"]), features: list(&dependency["features"]).iter().map(text).collect() }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Every dependency that goes through a wall.
pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        for dependency in &package.dependencies {
            if let Some(reason) = refusal(&package.name, dependency) {
                let message = format!("{} must not depend on {}: {reason}", package.name, dependency.name);
                findings.push(Finding::file(&package.manifest, message));
            }
        }
    }
    findings
}

fn refusal(package: &str, dependency: &Dependency) -> Option<String> {
    let name = dependency.name.as_str();
    if package == "domain" {
        if !DOMAIN_MAY_USE.contains(&name) {
            return Some("the domain is pure; see the table in ARCHITECTURE.md".into());
        }
        if name == "chrono" && dependency.features.iter().any(|feature| feature == "clock" || feature == "now") {
            return Some("the domain has no clock (chrono's feature 'clock')".into());
        }
    }
    if name == "port-contracts" {
        return Some("port-contracts is a dev-dependency only".into()).filter(|_| package != "sim");
    }
    if name == "dev-services" {
        return Some("dev-services is for development and tests".into())
            .filter(|_| !matches!(package, "xtask" | "e2e-tests"));
    }
    let forbidden = FORBIDDEN.iter().find(|(who, what)| matches(who, package) && what.iter().any(|w| matches(w, name)));
    if forbidden.is_some() {
        return Some("a wall of ARCHITECTURE.md".into());
    }
    let (_, owners) = OWNED.iter().find(|(driver, _)| matches(driver, name))?;
    (!owners.contains(&package)).then(|| format!("it belongs to {}", owners.join(", ")))
}

/// Whether a name fits a pattern; `*` at the end stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(package: &str, dependency: &str) -> bool {
        refusal(package, &Dependency { name: dependency.into(), features: Vec::new() }).is_some()
    }

    #[test]
    fn the_domain_uses_only_what_is_listed() {
        assert!(!refused("domain", "thiserror"));
        assert!(refused("domain", "tokio") && refused("domain", "rand") && refused("domain", "reqwest"));
        let chrono = Dependency { name: "chrono".into(), features: vec!["clock".into()] };
        assert!(refusal("domain", &chrono).is_some());
    }

    #[test]
    fn adapters_do_not_see_each_other_nor_the_inside() {
        assert!(!refused("adapters-sqlite", "domain") && !refused("adapters-sqlite", "rusqlite"));
        assert!(refused("adapters-sqlite", "adapters-memory") && refused("adapters-http", "executor"));
    }

    #[test]
    fn a_driver_stays_in_its_adapter() {
        assert!(
            refused("executor", "rusqlite") && refused("http-actix", "rusqlite") && refused("application", "reqwest")
        );
        assert!(refused("adapters-http", "sea-orm-migration") && refused("executor", "actix-web"));
    }

    #[test]
    fn the_terminal_knows_nothing_but_the_rest_api() {
        assert!(refused("client", "domain") && refused("client", "http-actix") && !refused("client", "reqwest"));
    }

    #[test]
    fn the_contracts_of_the_ports_are_for_tests_only() {
        assert!(refused("adapters-memory", "port-contracts") && refused("http-actix", "port-contracts"));
    }

    #[test]
    fn no_product_depends_on_the_development_services() {
        assert!(refused("adapters-postgres", "dev-services") && refused("migration", "dev-services"));
        assert!(!refused("xtask", "dev-services") && refused("dev-services", "domain"));
    }
}
