//! What the files of `deploy/` tell the program must be something that it knows: variables, commands, versions.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::repository::{path, printed, text, yaml};

/// Variables that `--help` does not show, because nobody should see their values by mistake.
const HIDDEN: [&str; 2] = ["ORRERY_ADMIN_KEY", "ORRERY_SECRET_KEYS"];

/// The variables that the program reads, and its commands.
struct Known {
    variables: BTreeSet<String>,
    commands: BTreeSet<String>,
}

impl Known {
    fn to_the_program() -> Self {
        let help = printed(&["serve", "--help"]);
        let shown = help.split("[env: ").skip(1).filter_map(|rest| rest.split(['=', ']']).next());
        let variables = shown.chain(HIDDEN).map(str::to_owned).collect();
        let all = printed(&["--help"]);
        let listed = all.split("Commands:").nth(1).and_then(|rest| rest.split("\nOptions:").next()).expect("commands");
        let words = listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        let commands = words.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect();
        Self { variables, commands }
    }

    /// Whether a word that looks like a setting is one.
    fn assert_knows(&self, variable: &str, place: &str) {
        assert!(self.variables.contains(variable), "{place} sets {variable}, which the program does not read");
    }
}

/// Words that look like the names of our variables.
fn variables(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_');
    let ours = |word: &&str| {
        (word.starts_with("ORRERY_") || word.starts_with("KAFKA_") || *word == "DATABASE_URL") && !word.ends_with('_')
    };
    words.filter(ours).map(str::to_owned).collect()
}

#[test]
fn the_image_is_told_what_the_program_reads_and_is_built_with_its_toolchain() {
    let (known, file) = (Known::to_the_program(), text("deploy/Dockerfile"));
    let set = file.lines().filter(|line| line.starts_with("ENV ") && line.contains("ORRERY_")).flat_map(variables);
    set.for_each(|variable| known.assert_knows(&variable, "deploy/Dockerfile"));
    for command in ["health", "serve"] {
        assert!(file.contains(&format!("\"{command}\"")) && known.commands.contains(command), "orrery {command}");
    }
    let toolchain = text("rust-toolchain.toml");
    let version = toolchain.split("channel = \"").nth(1).and_then(|rest| rest.split('"').next()).expect("a version");
    assert!(file.contains(&format!("FROM rust:{version}-")), "the image is built with another version than {version}");
    assert!(file.contains("\nUSER 65532:65532\n"), "it runs as nobody in particular");
}

/// The image has glibc, libgcc and OpenSSL, and the build links zlib in.
#[test]
fn the_program_needs_no_shared_library_that_the_image_lacks() {
    const IN_THE_IMAGE: [&str; 8] =
        ["linux-vdso.so", "libc.so", "libm.so", "libgcc_s.so", "libssl.so.3", "libcrypto.so.3", "ld-linux", "libdl.so"];
    const LINKED_IN: [&str; 1] = ["libz.so"];
    let binary = e2e_tests::orrery_command().get_program().to_owned();
    let listed = std::process::Command::new("ldd").arg(binary).output().expect("ldd runs");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let libraries = listed.lines().filter_map(|line| line.split_whitespace().next()?.rsplit('/').next());
    let lacking: Vec<&str> = libraries
        .filter(|library| !IN_THE_IMAGE.iter().chain(&LINKED_IN).any(|there| library.starts_with(there)))
        .collect();
    assert_eq!(lacking, Vec::<&str>::new());
    assert!(text("deploy/Dockerfile").contains("LIBZ_SYS_STATIC=1"));
}

/// The services of the compose file that run the program.
fn services(compose: &Value) -> Vec<(String, Value)> {
    let all = compose["services"].as_object().expect("services");
    let ours =
        all.iter().filter(|(_, service)| service["image"].as_str().is_some_and(|image| image.starts_with("orrery")));
    ours.map(|(name, service)| (name.clone(), service.clone())).collect()
}

#[test]
fn the_compose_file_tells_the_program_what_it_reads() {
    let (known, compose) = (Known::to_the_program(), yaml("deploy/compose.yaml"));
    let ours = services(&compose);
    assert_eq!(ours.len(), 6, "{:?}", ours.iter().map(|(name, _)| name).collect::<Vec<_>>());
    for (name, service) in ours {
        let place = format!("deploy/compose.yaml: {name}");
        for variable in service["environment"].as_object().into_iter().flat_map(|set| set.keys()) {
            known.assert_knows(variable, &place);
        }
        if let Some(command) = service["command"][0].as_str() {
            assert!(known.commands.contains(command), "{place}: there is no command {command}");
        }
        let role = service["environment"]["ORRERY_ROLE"].as_str();
        assert!(role.is_none_or(|role| role == name), "{place} runs as {role:?}");
    }
    let kafka = text("deploy/dev/kafka/pom.xml");
    let image = compose["services"]["kafka"]["image"].as_str().expect("an image");
    let version = image.rsplit(':').next().expect("a version");
    assert!(kafka.contains(&format!("<kafka.version>{version}</kafka.version>")), "Kafka has two versions");
}

#[test]
fn the_files_that_the_compose_file_mounts_are_there_or_said_to_be_made() {
    let compose = yaml("deploy/compose.yaml");
    for config in compose["configs"].as_object().expect("configs").values() {
        let file = config["file"].as_str().expect("a file");
        assert!(path("deploy").join(file).is_file(), "there is no deploy/{file}");
    }
    let ignored = text(".gitignore");
    for secret in compose["secrets"].as_object().expect("secrets").values() {
        let file = secret["file"].as_str().expect("a file");
        assert!(ignored.contains(&format!("/deploy/{file}\n")), "deploy/{file} could be committed");
        assert!(
            text("docs/guides/deployment.md").contains(&format!("deploy/{file}")),
            "nobody says how deploy/{file} is made"
        );
    }
}

#[test]
fn the_chart_tells_the_program_what_it_reads() {
    let known = Known::to_the_program();
    let folder = path("deploy/helm/orrery");
    let mut found = 0;
    for name in [
        "templates/_helpers.tpl",
        "templates/deployments.yaml",
        "templates/migration.yaml",
        "values.yaml",
        "ci/minimal-values.yaml",
        "ci/full-values.yaml",
        "ci/external-values.yaml",
    ] {
        let file = std::fs::read_to_string(folder.join(name)).expect("a file of the chart");
        for variable in variables(&file) {
            known.assert_knows(&variable, name);
            found += 1;
        }
        for command in file.split("args: [").skip(1).filter_map(|rest| rest.split([',', ']']).next()) {
            assert!(known.commands.contains(command), "{name}: there is no command {command}");
        }
    }
    assert!(found > 15, "{found} variables");
}

#[test]
fn the_chart_has_the_alerts_and_the_version_of_the_program() {
    assert_eq!(text("deploy/helm/orrery/files/alerts.yaml"), text("deploy/prometheus/alerts.yaml"));
    let version = printed(&["--version"]);
    let version = version.split_whitespace().nth(1).expect("a version");
    assert_eq!(yaml("deploy/helm/orrery/Chart.yaml")["appVersion"], version);
}

#[test]
fn a_variable_that_nobody_reads_is_found_out() {
    let known = Known::to_the_program();
    assert!(known.variables.contains("ORRERY_ROLE") && known.variables.contains("KAFKA_BROKERS"));
    assert!(!known.variables.contains("ORRERY_ROLL"));
    assert_eq!(
        variables("x: ORRERY_ROLL=1, KAFKA_BROKERS ORRERY_"),
        ["KAFKA_BROKERS", "ORRERY_ROLL"].map(str::to_owned).into()
    );
    assert!(known.commands.contains("demo-agents") && !known.commands.contains("frobnicate"), "{:?}", known.commands);
}
