//! What a guide shows, held against what is seen. `…` stands for anything in a line; alone in a line it stands for any lines.

/// Whether the lines are those that are shown.
pub(crate) fn fits(shown: &[String], seen: &[String]) -> bool {
    match shown.split_first() {
        None => seen.is_empty(),
        Some((first, rest)) if first.trim() == "…" => (0..=seen.len()).any(|skipped| fits(rest, &seen[skipped..])),
        Some((first, rest)) => {
            seen.split_first().is_some_and(|(line, more)| line_fits(first, line) && fits(rest, more))
        }
    }
}

/// Whether the lines that are shown were seen, in their order, among others.
pub(crate) fn has_begun(shown: &[String], seen: &[String]) -> bool {
    let mut rest = seen.iter();
    shown.iter().filter(|line| line.trim() != "…").all(|line| rest.any(|seen| line_fits(line, seen)))
}

fn line_fits(shown: &str, seen: &str) -> bool {
    let pieces: Vec<&str> = shown.trim_end().split('…').collect();
    let seen = seen.trim_end();
    let [first, middle @ .., last] = &pieces[..] else { return shown.trim_end() == seen };
    let Some(mut rest) = seen.strip_prefix(first) else { return false };
    for piece in middle {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[&str]) -> Vec<String> {
        text.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_shown_must_be_what_is_seen() {
        assert!(fits(&lines(&["a", "b"]), &lines(&["a", "b "])));
        assert!(!fits(&lines(&["a"]), &lines(&["a", "b"])));
        assert!(!fits(&lines(&["a", "b"]), &lines(&["a"])));
        assert!(!fits(&lines(&["a"]), &lines(&["x"])));
    }

    #[test]
    fn dots_stand_for_a_piece_of_a_line_or_for_lines() {
        assert!(fits(&lines(&["started run-… with … steps"]), &lines(&["started run-1 with 3 steps"])));
        assert!(!fits(&lines(&["started run-… with … steps"]), &lines(&["started run-1 with 3 stops"])));
        assert!(fits(&lines(&["a", "…", "z"]), &lines(&["a", "b", "c", "z"])));
        assert!(fits(&lines(&["…"]), &[]));
        assert!(!fits(&lines(&["a", "…", "z"]), &lines(&["a", "b", "c"])));
    }

    #[test]
    fn a_piece_at_the_end_must_not_lie_in_what_came_before() {
        assert!(!fits(&lines(&["ab…b"]), &lines(&["ab"])));
    }

    #[test]
    fn what_goes_on_running_has_shown_what_it_shows() {
        let seen = lines(&["x", "listening on 1", "y", "ready"]);
        assert!(has_begun(&lines(&["listening on …", "…", "ready"]), &seen));
        assert!(!has_begun(&lines(&["ready", "listening on …"]), &seen));
    }
}
