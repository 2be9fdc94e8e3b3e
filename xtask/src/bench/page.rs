//! Puts the result into the reference page, between two marks; what people wrote around it stays.

use anyhow::Context;

use crate::workspace::root;

const PAGE: &str = "docs/reference/performance.md";
const BEGIN: &str = "<!-- bench runs: begin (written by cargo xtask bench runs --write) -->";
const END: &str = "<!-- bench runs: end -->";

/// Replaces the section.
pub(super) fn write(section: &str) -> anyhow::Result<()> {
    let path = root().join(PAGE);
    let page = std::fs::read_to_string(&path).with_context(|| format!("cannot read {PAGE}"))?;
    let new = replaced(&page, section).with_context(|| format!("{PAGE} lacks the marks '{BEGIN}' and '{END}'"))?;
    std::fs::write(&path, new)?;
    println!("wrote {PAGE}");
    Ok(())
}

fn replaced(page: &str, section: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", section.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_between_the_marks_is_replaced() {
        let page = format!("# Title\n{BEGIN}\nold\n{END}\nrest\n");
        let once = replaced(&page, "new\n").expect("it has the marks");
        assert_eq!(once, format!("# Title\n{BEGIN}\n\nnew\n\n{END}\nrest\n"));
        assert_eq!(replaced(&once, "new").as_deref(), Some(once.as_str()));
        assert_eq!(replaced("# Title\n", "new"), None);
    }
}
