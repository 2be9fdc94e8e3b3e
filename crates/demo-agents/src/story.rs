//! The three agents of the demo's story: research, write, review. Deterministic, so that a repeated call gets the same
//! answer.

use serde_json::{Map, Value, json};

use crate::library;

/// An answer: members for documents, text for people.
pub(crate) struct Answer {
    pub(crate) members: Value,
    pub(crate) text: String,
}

/// An agent of the story.
pub(crate) type Tell = fn(&Map<String, Value>) -> Answer;

/// Collects what the library has on `topic` (or `query`, or `text`).
pub(crate) fn research(input: &Map<String, Value>) -> Answer {
    let topic = first_text(input, &["topic", "query", "text"]).unwrap_or("orreries");
    let entry = library::entry(topic);
    let summary = match entry.topic {
        "" => format!("Nothing is known about {topic} here."),
        _ => format!("{} facts about {topic}.", entry.facts.len()),
    };
    let bullets: Vec<String> = entry.facts.iter().map(|fact| format!("- {fact}")).collect();
    Answer {
        text: format!("{summary}\n{}", bullets.join("\n")),
        members: json!({
            "topic": topic,
            "facts": entry.facts,
            "sources": entry.facts.len(),
            "summary": summary,
        }),
    }
}

/// Makes a paragraph of `facts` (texts, or one text) about `topic`.
pub(crate) fn write(input: &Map<String, Value>) -> Answer {
    let topic = first_text(input, &["topic"]).unwrap_or("something");
    let facts: Vec<&str> = match input.get("facts") {
        Some(Value::Array(facts)) => facts.iter().filter_map(Value::as_str).collect(),
        _ => first_text(input, &["facts", "summary", "text"]).into_iter().collect(),
    };
    let title = format!("A short note on {topic}");
    let paragraph = match facts.as_slice() {
        [] => format!("There is nothing to say about {topic} yet."),
        _ => format!("What is there to know about {topic}? {}", facts.join(" ")),
    };
    Answer {
        text: format!("{title}\n\n{paragraph}"),
        members: json!({
            "topic": topic,
            "title": title,
            "words": words(&paragraph),
            "paragraph": paragraph,
        }),
    }
}

/// Scores `paragraph` (or `draft`, or `text`) from 0 to 10 by simple rules, and accepts it from 9 on.
pub(crate) fn review(input: &Map<String, Value>) -> Answer {
    let paragraph = first_text(input, &["paragraph", "draft", "text"]).unwrap_or_default();
    let checks = [
        (words(paragraph) >= 20, 4, "It is too short to be useful."),
        (words(paragraph) <= 200, 2, "It is too long for a paragraph."),
        (paragraph.contains(|c: char| c.is_ascii_digit()), 2, "It has no number that a reader could check."),
        (paragraph.trim_end().ends_with('.'), 2, "It does not end with a full stop."),
    ];
    let score: u32 = checks.iter().filter(|(passed, ..)| *passed).map(|(_, points, _)| points).sum();
    let remarks: Vec<&str> = checks.iter().filter(|(passed, ..)| !passed).map(|(.., remark)| *remark).collect();
    let verdict = if score >= 9 { "accept" } else { "revise" };
    Answer {
        text: format!("{verdict} ({score}/10) {}", remarks.join(" ")).trim_end().to_owned(),
        members: json!({
            "score": score,
            "verdict": verdict,
            "remarks": remarks,
            "words": words(paragraph),
        }),
    }
}

fn first_text<'a>(input: &'a Map<String, Value>, names: &[&str]) -> Option<&'a str> {
    names.iter().filter_map(|name| input.get(*name)?.as_str()).find(|text| !text.trim().is_empty())
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).expect("an object")
    }

    #[test]
    fn a_known_topic_becomes_an_accepted_paragraph() {
        let research = research(&map(json!({"topic": "The tides"}))).members;
        assert_eq!(research["sources"], 4);
        let written = write(&map(research)).members;
        assert_eq!(written["title"], "A short note on The tides");
        assert!(written["paragraph"].as_str().is_some_and(|text| text.contains("Bay of Fundy")));
        let review = review(&map(written)).members;
        assert_eq!((&review["score"], &review["verdict"]), (&json!(10), &json!("accept")));
        assert_eq!(review["remarks"], json!([]));
    }

    #[test]
    fn an_unknown_topic_becomes_a_paragraph_that_the_reviewer_sends_back() {
        let research = research(&map(json!({"text": "quantum shoes"}))).members;
        assert_eq!(research["topic"], "quantum shoes");
        let review = review(&map(json!({"draft": "Shoes"}))).members;
        assert_eq!((&review["score"], &review["verdict"]), (&json!(2), &json!("revise")));
        assert_eq!(review["remarks"].as_array().map(Vec::len), Some(3));
    }

    #[test]
    fn an_empty_input_still_gets_an_answer() {
        for tell in [research as Tell, write, review] {
            assert!(!tell(&Map::new()).text.is_empty());
        }
    }
}
