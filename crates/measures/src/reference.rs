//! Declarations as a page for people and as a list for programs.

use std::fmt::Write as _;

use crate::Measure;

const HEAD: &str = "# Metrics

What every process tells at `/metrics`, in the text format of Prometheus; who asks needs the right `system:read`. A series appears
with its first value: one that is missing counts as nothing yet. Times are in seconds. Where a label stands for something that
people name (an agent), its values are bounded; none is chosen by whoever sends a request.
How these are looked at and what to do about them is in [observability.md](../guides/observability.md). Written by
`cargo xtask metrics`.

";

/// A page about them, in groups.
pub fn as_markdown(groups: &[(&str, &[Measure])]) -> String {
    let mut page = HEAD.to_owned();
    for (title, measures) in groups {
        // Writing to a String cannot fail.
        let _ = write!(page, "## {title}\n\n| name | kind | labels | what it tells |\n|---|---|---|---|\n");
        for measure in *measures {
            let labels: Vec<String> = measure.labels.iter().map(|label| format!("`{label}`")).collect();
            let (name, kind) = (measure.name, measure.kind.as_str());
            let _ =
                writeln!(page, "| `{name}` | {kind} | {} | {} |", labels.join(", "), measure.help.replace('|', "\\|"));
        }
        page.push('\n');
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// The same for programs: an array of objects with `name`, `kind`, `labels` and `series`. No text in it needs escaping.
pub fn as_json<'a>(measures: impl IntoIterator<Item = &'a Measure>) -> String {
    let quoted = |texts: &[String]| texts.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(", ");
    let object = |measure: &Measure| {
        let labels: Vec<String> = measure.labels.iter().map(ToString::to_string).collect();
        format!(
            "  {{\"name\": \"{}\", \"kind\": \"{}\", \"labels\": [{}], \"series\": [{}]}}",
            measure.name,
            measure.kind.as_str(),
            quoted(&labels),
            quoted(&measure.series())
        )
    };
    format!("[\n{}\n]", measures.into_iter().map(object).collect::<Vec<_>>().join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURES: [Measure; 2] = [
        Measure::counter("x_total", "What is counted.").by(&["a", "b"]),
        Measure::histogram("y_seconds", "How long it takes."),
    ];

    #[test]
    fn a_page_has_a_row_for_each_measure() {
        let page = as_markdown(&[("Some", &MEASURES)]);
        assert!(page.contains("## Some\n") && page.contains("| `x_total` | counter | `a`, `b` | What is counted. |\n"));
        assert!(page.ends_with("| `y_seconds` | histogram |  | How long it takes. |\n"));
    }

    #[test]
    fn a_list_for_programs_names_the_series() {
        let list = as_json(&MEASURES);
        assert!(list.contains(r#""name": "x_total", "kind": "counter", "labels": ["a", "b"], "series": ["x_total"]"#));
        assert!(list.contains(r#""series": ["y_seconds_bucket", "y_seconds_sum", "y_seconds_count"]"#));
    }

    #[test]
    fn times_are_known_by_their_names() {
        assert!(MEASURES[1].is_in_seconds() && !MEASURES[0].is_in_seconds());
    }
}
