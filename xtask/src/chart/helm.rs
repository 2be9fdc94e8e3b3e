//! Helm, wherever it comes from.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

use crate::workspace::{must, root, target_folder};

/// Helm as a program.
pub(super) struct Helm(PathBuf);

impl Helm {
    /// The one on the machine, or one that Go builds; nothing where there is neither.
    pub(super) fn prepare() -> anyhow::Result<Option<Self>> {
        if answers("helm", &["version", "--client"]) {
            return Ok(Some(Self(PathBuf::from("helm"))));
        }
        if !answers("go", &["version"]) {
            return Ok(None);
        }
        let (list, folder) = (root().join("tests/helm"), target_folder()?.join("helm"));
        let (binary, stamp) = (folder.join("helm"), folder.join("built-for"));
        let wanted = std::fs::read(list.join("go.sum"))?;
        if !binary.is_file() || std::fs::read(&stamp).ok().as_ref() != Some(&wanted) {
            println!("building Helm in {}, once", folder.display());
            std::fs::create_dir_all(&folder)?;
            let mut build = Command::new("go");
            build.args(["build", "-o"]).arg(&binary).arg("helm.sh/helm/v3/cmd/helm");
            must(build.current_dir(&list).env("CGO_ENABLED", "0"))?;
            std::fs::write(&stamp, wanted)?;
        }
        Ok(Some(Self(binary)))
    }

    /// What Helm itself finds; warnings count.
    pub(super) fn lint(&self, chart: &Path, values: &Path) -> anyhow::Result<()> {
        self.run(&["lint", "--strict"], chart, values).map(drop)
    }

    /// The objects that the chart makes, as YAML.
    pub(super) fn template(&self, chart: &Path, values: &Path) -> anyhow::Result<String> {
        self.run(&["template", "orrery", "--namespace", "orrery", "--kube-version", "1.31.0"], chart, values)
    }

    fn run(&self, arguments: &[&str], chart: &Path, values: &Path) -> anyhow::Result<String> {
        let mut command = Command::new(&self.0);
        command.args(arguments).arg(chart).arg("--values").arg(values);
        let output = command.output().context("helm cannot be run")?;
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            bail!("helm {} failed: {}", arguments[0], String::from_utf8_lossy(&said));
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

fn answers(program: &str, arguments: &[&str]) -> bool {
    let mut asked = Command::new(program);
    asked.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}
