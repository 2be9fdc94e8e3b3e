//! Markdown, as the checks and the site read it: links, headings, HTML.

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

fn parser(text: &str) -> impl Iterator<Item = (Event<'_>, std::ops::Range<usize>)> {
    Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH).into_offset_iter()
}

/// A piece of a page: a heading, and what follows it until the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    /// The heading's text.
    pub(super) title: String,
    /// Names it in the page.
    pub(super) anchor: String,
    /// What is written below it, without marks.
    pub(super) text: String,
}

/// The sections of a page, one for each heading.
pub(super) fn sections(text: &str) -> Vec<Section> {
    let (mut sections, mut anchors, mut heading) = (Vec::<Section>::new(), Anchors::default(), None::<String>);
    for (event, _) in parser(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let title = heading.take().unwrap_or_default();
                sections.push(Section { anchor: anchors.of(&title), title, text: String::new() });
            }
            Event::Text(piece) | Event::Code(piece) => match (&mut heading, sections.last_mut()) {
                (Some(heading), _) => heading.push_str(&piece),
                (None, Some(section)) => section.text.push_str(&piece),
                (None, None) => {}
            },
            Event::SoftBreak | Event::HardBreak | Event::End(_) => {
                if let (None, Some(section)) = (&heading, sections.last_mut())
                    && !section.text.ends_with(' ')
                {
                    section.text.push(' ');
                }
            }
            _ => {}
        }
    }
    sections
}

/// The anchors of the headings of a page.
pub(super) fn anchors(text: &str) -> Vec<String> {
    sections(text).into_iter().map(|section| section.anchor).collect()
}

/// The first heading.
pub(super) fn title(text: &str) -> Option<String> {
    sections(text).into_iter().next().map(|section| section.title)
}

/// Line numbers and targets of the links that lead to files or headings; what stands in code is none.
pub(super) fn relative_links(text: &str) -> Vec<(usize, String)> {
    let links = parser(text).filter_map(|(event, at)| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            Some((at.start, dest_url.into_string()))
        }
        _ => None,
    });
    let elsewhere = |target: &str| target.contains("://") || target.starts_with("mailto:") || target.is_empty();
    let line_of = |at: usize| text[..at].matches('\n').count() + 1;
    links.filter(|(_, target)| !elsewhere(target)).map(|(at, target)| (line_of(at), target)).collect()
}

/// A page as HTML. A link leads to where `lead` says; one that it does not know is left out, and its text stays.
pub(super) fn to_html(text: &str, lead: impl Fn(&str) -> Option<String>) -> String {
    let mut anchors = Anchors::default();
    let mut events: Vec<Event<'_>> = Vec::new();
    let (mut heading, mut title, mut links) = (0, String::new(), Vec::new());
    for (event, _) in parser(text) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                (heading, title) = (events.len(), String::new());
                events.push(heading_of(level, ""));
            }
            Event::End(TagEnd::Heading(level)) => {
                events[heading] = heading_of(level, &anchors.of(&title));
                events.push(Event::End(TagEnd::Heading(level)));
            }
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let place = lead(&dest_url);
                links.push(place.is_some());
                if let Some(place) = place {
                    events.push(Event::Start(Tag::Link { link_type, dest_url: place.into(), title, id }));
                }
            }
            Event::End(TagEnd::Link) => {
                if links.pop().unwrap_or_default() {
                    events.push(Event::End(TagEnd::Link));
                }
            }
            // The sources are ours, but what is not meant as HTML must not become some.
            Event::Html(raw) | Event::InlineHtml(raw) => events.push(Event::Text(raw)),
            other => {
                if let Event::Text(piece) | Event::Code(piece) = &other {
                    title.push_str(piece);
                }
                events.push(other);
            }
        }
    }
    let mut page = String::new();
    html::push_html(&mut page, events.into_iter());
    page
}

fn heading_of(level: HeadingLevel, anchor: &str) -> Event<'static> {
    let id = (!anchor.is_empty()).then(|| CowStr::from(anchor.to_owned()));
    Event::Start(Tag::Heading { level, id, classes: Vec::new(), attrs: Vec::new() })
}

/// Names of headings as code forges make them: lower case, without punctuation, with hyphens; the second of a name gets a number.
#[derive(Default)]
struct Anchors(Vec<String>);

impl Anchors {
    fn of(&mut self, title: &str) -> String {
        let kept = title
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .collect::<String>();
        let plain = kept.trim().replace(' ', "-");
        let before = self.0.iter().filter(|known| **known == plain).count();
        self.0.push(plain.clone());
        if before == 0 { plain } else { format!("{plain}-{before}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_files_and_headings_are_found_and_with_their_lines() {
        let text = "[a](x/a.md#top) [b](https://example.org/b) [c](#here)\n\
                    ```\n[d](d.md)\n```\n`[e](e.md)` [f](../f.md \"title\")\n";
        let found = relative_links(text);
        assert_eq!(found, [(1, "x/a.md#top".to_owned()), (1, "#here".to_owned()), (5, "../f.md".to_owned())]);
    }

    #[test]
    fn headings_are_named_as_forges_name_them() {
        let text = "# The `--flag`: what, why\n\ntext\n\n## Again\n\n## Again\n";
        assert_eq!(anchors(text), ["the---flag-what-why", "again", "again-1"]);
        assert_eq!(title(text).as_deref(), Some("The --flag: what, why"));
    }

    #[test]
    fn a_page_keeps_known_links_and_the_text_of_others() {
        let lead = |target: &str| (target == "a.md").then(|| "a.html".to_owned());
        let page = to_html("# A\n\n[known](a.md) and [`other`](b.rs)\n", lead);
        assert!(page.contains("<h1 id=\"a\">A</h1>"), "{page}");
        assert!(page.contains("<a href=\"a.html\">known</a> and <code>other</code>"), "{page}");
    }

    #[test]
    fn nothing_in_a_page_becomes_html_of_its_own() {
        let page = to_html("# A\n\n<script>x</script> and a <b>word</b>\n", |_| None);
        assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
    }

    #[test]
    fn what_is_below_a_heading_is_its_text() {
        let found = sections("# A\n\none\ntwo\n\n| x |\n|---|\n| three |\n");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].text.split_whitespace().collect::<Vec<_>>(), ["one", "two", "x", "three"]);
    }
}
