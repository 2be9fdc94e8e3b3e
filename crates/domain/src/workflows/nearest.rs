//! The name that was probably meant, where one was written that does not exist.

use std::cell::Cell;

/// The longest names that are compared, in characters: what a comparison costs grows with the square.
const MAX_CHARS: usize = 40;

/// The most names that are guessed for one document, each of which is compared with all others.
const MAX_GUESSES: usize = 50;

/// Guesses among the steps of a document.
pub(super) struct Guesses {
    left: Cell<usize>,
}

impl Default for Guesses {
    fn default() -> Self {
        Self { left: Cell::new(MAX_GUESSES) }
    }
}

impl Guesses {
    /// What to do about a step that is named and not there.
    pub(super) fn hint<'n>(&self, wanted: &str, names: impl Iterator<Item = &'n str>) -> String {
        match self.nearest(wanted, names) {
            Some(name) => format!("did you mean '{name}'?"),
            None => "add the step, or name one of those that are there".to_owned(),
        }
    }

    /// The nearest of the names that is near: a third of its characters may differ.
    fn nearest<'n>(&self, wanted: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
        let length = wanted.chars().count();
        if length > MAX_CHARS || self.left.get() == 0 {
            return None;
        }
        self.left.set(self.left.get() - 1);
        let allowed = (length + 1) / 3;
        let near = names.filter_map(|name| {
            let is_comparable = name.chars().count().abs_diff(length) <= allowed;
            let distance = is_comparable.then(|| distance(wanted, name)).filter(|distance| *distance <= allowed)?;
            Some((distance, name))
        });
        near.min().map(|(_, name)| name)
    }
}

/// How many characters must be added, left out or changed to make one of the other (Levenshtein); case counts for nothing, as
/// it is what people get wrong first.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, from) in one.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, to) in other.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(wanted: &str) -> Option<&'static str> {
        Guesses::default().nearest(wanted, ["fetch", "review", "publish", "a"].into_iter())
    }

    #[test]
    fn a_slip_of_the_pen_is_guessed_and_another_word_is_not() {
        assert_eq!(nearest("fecth"), Some("fetch"));
        assert_eq!(nearest("fetchh"), Some("fetch"));
        assert_eq!(nearest("Fetch"), Some("fetch"));
        assert_eq!(nearest("reviews"), Some("review"));
        assert_eq!(nearest("pubilsh"), Some("publish"));
        assert_eq!(nearest("summarise"), None);
        assert_eq!(nearest("b"), None, "every letter is as near");
        assert_eq!(nearest(""), None);
    }

    #[test]
    fn what_guesses_cost_is_bounded() {
        let guesses = Guesses::default();
        for _ in 0..MAX_GUESSES {
            assert_eq!(guesses.nearest("fetchh", ["fetch"].into_iter()), Some("fetch"));
        }
        assert_eq!(guesses.nearest("fetchh", ["fetch"].into_iter()), None);
        let long = "x".repeat(MAX_CHARS + 1);
        assert_eq!(Guesses::default().nearest(&long, [long.as_str()].into_iter()), None);
    }
}
