//! Both descriptions are what their versions of OpenAPI ask for.

use anyhow::ensure;

use super::{Outcome, tools::Python};
use crate::{
    generated::{OPENAPI, OPENAPI_3_0},
    workspace::{must, root},
};

/// The committed files; CI holds them against the server before.
pub(super) fn run() -> anyhow::Result<Outcome> {
    let Some(python) = Python::prepare()? else { return Ok(Outcome::Lacks(Python::MISSING)) };
    for document in [OPENAPI, OPENAPI_3_0] {
        must(
            python
                .program("openapi-spec-validator")
                .args(["--validation-errors", "all"])
                .arg(root().join(document.path)),
        )?;
    }
    // A validator that takes everything would be worth nothing.
    let broken = tempfile::Builder::new().suffix(".json").tempfile()?;
    std::fs::write(broken.path(), r#"{"openapi": "3.0.3", "info": {"title": "none"}, "paths": {}}"#)?;
    let refused = !python.program("openapi-spec-validator").arg(broken.path()).output()?.status.success();
    ensure!(refused, "openapi-spec-validator has accepted a document without a version");
    Ok(Outcome::Passed("both descriptions are valid".to_owned()))
}
