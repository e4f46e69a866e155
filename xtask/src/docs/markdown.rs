//! A Markdown document as the link checker sees it: its headings and its links.
//!
//! Not here: whether a link leads anywhere.

use std::collections::{BTreeMap, BTreeSet};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// What other documents can refer to, and what this one refers to.
pub(super) struct Markdown {
    /// The names of its headings, as fragments of a URL.
    pub(super) anchors: BTreeSet<String>,
    pub(super) links: Vec<Link>,
}

/// A link or an image.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) line: usize,
    pub(super) target: String,
}

impl Markdown {
    pub(super) fn parse(text: &str) -> Self {
        let mut markdown = Self { anchors: BTreeSet::new(), links: Vec::new() };
        let (mut names, mut heading) = (Names::default(), None::<String>);
        for (event, range) in Parser::new_ext(text, OPTIONS).into_offset_iter() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    markdown.anchors.insert(names.next(&heading.take().unwrap_or_default()));
                }
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    let line = text[..range.start].matches('\n').count() + 1;
                    markdown.links.push(Link { line, target: dest_url.into_string() });
                }
                _ => {}
            }
        }
        markdown
    }
}

/// What our documents use besides plain Markdown.
pub(super) const OPTIONS: Options = Options::ENABLE_TABLES;

/// Gives headings the names that GitHub and mdBook give them: lower case, blanks as hyphens,
/// other signs left out, and a number behind a name that was given before.
#[derive(Default)]
pub(super) struct Names(BTreeMap<String, usize>);

impl Names {
    pub(super) fn next(&mut self, heading: &str) -> String {
        let signs = heading.trim().chars().filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c => c.is_alphanumeric().then_some(c),
        });
        let name = signs.collect::<String>().to_lowercase();
        let times = self.0.entry(name.clone()).or_default();
        *times += 1;
        if *times == 1 { name } else { format!("{name}-{}", *times - 1) }
    }
}

#[cfg(test)]
mod tests;
