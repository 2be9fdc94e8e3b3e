//! Labels of runs: short texts by short names, which whoever starts a run gives it and finds it by.

use std::{collections::BTreeMap, fmt, sync::Arc};

/// The most labels of a run.
pub const MAX_LABELS: usize = 16;

/// The longest name of a label, in characters.
pub const MAX_LABEL_NAME: usize = 63;

/// The longest value of a label, in characters.
pub const MAX_LABEL_VALUE: usize = 128;

/// Why texts are no labels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLabels {
    /// There are too many.
    #[error("a run has at most {MAX_LABELS} labels")]
    TooMany,
    /// A name is empty, too long, or has other characters.
    #[error("the name of a label has 1 to {MAX_LABEL_NAME} of the characters A-Z, a-z, 0-9, '.', '_', '/' and '-'")]
    Name,
    /// A value is too long, or has a comma or control character.
    #[error("the value of a label has at most {MAX_LABEL_VALUE} characters, no comma and no control character")]
    Value,
    /// A name stands for two values.
    #[error("a label has one value")]
    Twice,
}

/// The labels of a run. They are no payload: everybody who sees the run sees them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(Option<Arc<BTreeMap<String, String>>>);

impl Labels {
    /// Reads labels. Values have no commas, so that several labels can stand in one parameter of a query.
    pub fn parse(labels: impl IntoIterator<Item = (String, String)>) -> Result<Self, InvalidLabels> {
        let mut all = BTreeMap::new();
        for (name, value) in labels {
            if !is_name(&name) {
                return Err(InvalidLabels::Name);
            }
            if value.chars().count() > MAX_LABEL_VALUE || value.contains(|c: char| c == ',' || c.is_control()) {
                return Err(InvalidLabels::Value);
            }
            if all.insert(name, value).is_some() {
                return Err(InvalidLabels::Twice);
            }
        }
        if all.len() > MAX_LABELS {
            return Err(InvalidLabels::TooMany);
        }
        Ok(Self((!all.is_empty()).then(|| Arc::new(all))))
    }

    /// Each name with its value, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|labels| labels.iter()).map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether all of these are among them.
    pub fn include(&self, wanted: &Self) -> bool {
        wanted.iter().all(|(name, value)| {
            self.0.as_ref().and_then(|labels| labels.get(name)).is_some_and(|known| known == value)
        })
    }

    /// As a JSON object; none where there is no label.
    pub fn to_json(&self) -> Option<String> {
        self.0.as_deref().map(|labels| serde_json::to_string(labels).expect("texts by texts are JSON"))
    }
}

impl fmt::Display for Labels {
    /// `env:prod,team:blue`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{name}:{value}")?;
        }
        Ok(())
    }
}

fn is_name(text: &str) -> bool {
    let fits = |c: u8| c.is_ascii_alphanumeric() || b"._/-".contains(&c);
    (1..=MAX_LABEL_NAME).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Result<Labels, InvalidLabels> {
        Labels::parse(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn labels_are_short_texts_by_short_names() {
        let sound = labels(&[("team", "blue"), ("example.org/cost-center_1", "é: 7"), ("empty", "")]).expect("labels");
        assert_eq!(sound.to_string(), "empty:,example.org/cost-center_1:é: 7,team:blue");
        assert_eq!(labels(&[(&"n".repeat(63), &"é".repeat(128))]).expect("labels").iter().count(), 1);
        assert_eq!(labels(&[]), Ok(Labels::default()));
        for name in ["", "a b", "a:b", "é", "a,b", &"n".repeat(64)] {
            assert_eq!(labels(&[(name, "v")]), Err(InvalidLabels::Name), "{name}");
        }
        for value in ["a,b", "a\nb", &"é".repeat(129)] {
            assert_eq!(labels(&[("n", value)]), Err(InvalidLabels::Value), "{value}");
        }
        assert_eq!(labels(&[("a", "1"), ("a", "2")]), Err(InvalidLabels::Twice));
        let many: Vec<String> = (0..=MAX_LABELS).map(|n| n.to_string()).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "")).collect();
        assert_eq!(labels(&many), Err(InvalidLabels::TooMany));
        assert!(labels(&many[1..]).is_ok());
    }

    #[test]
    fn labels_include_those_that_are_all_among_them() {
        let all = labels(&[("a", "1"), ("b", "2")]).expect("labels");
        for (wanted, included) in [
            (labels(&[]), true),
            (labels(&[("b", "2")]), true),
            (labels(&[("a", "1"), ("b", "2")]), true),
            (labels(&[("a", "2")]), false),
            (labels(&[("a", "1"), ("c", "2")]), false),
        ] {
            assert_eq!(all.include(&wanted.expect("labels")), included);
        }
        assert!(!Labels::default().include(&all));
    }
}
