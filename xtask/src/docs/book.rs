//! The guide as HTML: one page per chapter, beside a list of all of them.
//!
//! The folder is laid out as mdBook wants it, so `mdbook serve docs/guide` shows the same
//! chapters where mdBook is installed; ADR 0017 says why the gate does without it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use pulldown_cmark::{CodeBlockKind, CowStr, Event, Parser, Tag, TagEnd, html};

use super::Fault;
use super::links::DOCS;
use super::markdown::{Names, OPTIONS};
use crate::tidy::tree::Tree;

const SOURCE: &str = "docs/guide/src/";
const SUMMARY: &str = "SUMMARY.md";
const TEMPLATE: &str = include_str!("book/page.html");

/// Writes all pages into `folder`, and says how many there are.
pub(super) fn write(tree: &Tree, folder: &Path, faults: &mut Vec<Fault>) -> Result<usize> {
    let chapters = chapters(tree, faults);
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    for (at, chapter) in chapters.iter().enumerate() {
        let Some(text) = tree.get(&format!("{SOURCE}{}", chapter.file)) else { continue };
        let page = page(text, at, &chapters);
        let name = folder.join(chapter.page());
        std::fs::write(&name, &page)?;
        if at == 0 {
            std::fs::write(folder.join("index.html"), &page)?;
        }
    }
    drawn(tree, faults);
    for (path, text) in tree.files() {
        let Some(name) = path.strip_prefix(SOURCE).filter(|name| name.ends_with(".svg")) else {
            continue;
        };
        let to = folder.join(name);
        let parent = to.parent().context("a picture is in a folder")?;
        std::fs::create_dir_all(parent)?;
        std::fs::write(&to, text)?;
    }
    Ok(chapters.len())
}

/// Whether each picture was drawn from the text beside it, which it carries as its
/// description. Drawing needs a browser, so that is not done here.
fn drawn(tree: &Tree, faults: &mut Vec<Fault>) {
    for (path, text) in tree.files() {
        let Some(name) = path.strip_suffix(".mmd") else { continue };
        let picture = tree.get(&format!("{name}.svg")).unwrap_or_default();
        if !picture.contains(&escaped(text).replace('>', "&gt;")) {
            let message = format!("{name}.svg is not drawn from this: draw it with Mermaid");
            faults.push(Fault::new(path, 1, message));
        }
    }
}

/// A line of the table of contents.
#[derive(Debug, PartialEq, Eq)]
struct Chapter {
    title: String,
    /// Beside the table of contents.
    file: String,
}

impl Chapter {
    fn page(&self) -> String {
        format!("{}.html", self.file.trim_end_matches(".md"))
    }
}

/// The table of contents, and what is wrong with it: a chapter that is not in it is found by
/// nobody.
fn chapters(tree: &Tree, faults: &mut Vec<Fault>) -> Vec<Chapter> {
    let path = format!("{SOURCE}{SUMMARY}");
    let mut chapters = Vec::new();
    let mut title = None::<(String, String)>;
    for event in Parser::new(tree.get(&path).unwrap_or_default()) {
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => {
                title = Some((String::new(), dest_url.into_string()));
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some((title, _)) = &mut title {
                    title.push_str(&text);
                }
            }
            Event::End(TagEnd::Link) => {
                chapters.extend(title.take().map(|(title, file)| Chapter { title, file }));
            }
            _ => {}
        }
    }
    let listed: BTreeSet<_> = chapters.iter().map(|chapter| chapter.file.as_str()).collect();
    for (path, _) in tree.files() {
        let name = path.strip_prefix(SOURCE).filter(|name| name.ends_with(".md"));
        if name.is_some_and(|name| name != SUMMARY && !listed.contains(name)) {
            faults.push(Fault::new(path, 1, format!("the chapter is not in {SUMMARY}")));
        }
    }
    chapters
}

/// A whole page.
fn page(text: &str, at: usize, chapters: &[Chapter]) -> String {
    let list = chapters.iter().enumerate().map(|(number, chapter)| {
        let here = if number == at { " class=\"here\"" } else { "" };
        let Chapter { title, .. } = chapter;
        format!("<li><a{here} href=\"{}\">{}</a></li>\n", chapter.page(), escaped(title))
    });
    let list: String = list.collect();
    let next = chapters.get(at + 1).map_or_else(String::new, |next| {
        format!("<p class=\"next\"><a href=\"{}\">{}</a></p>", next.page(), escaped(&next.title))
    });
    TEMPLATE
        .replace("{title}", &escaped(&chapters[at].title))
        .replace("{chapters}", &list)
        .replace("{text}", &(body(text) + &next))
}

/// The text of a chapter as HTML.
fn body(text: &str) -> String {
    let mut names = Names::default();
    let mut in_rust = false;
    let mut events = Vec::new();
    for event in Parser::new_ext(text, OPTIONS) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                in_rust = language.split(',').next() == Some("rust");
                events.push(Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))));
            }
            Event::End(TagEnd::CodeBlock) => {
                in_rust = false;
                events.push(Event::End(TagEnd::CodeBlock));
            }
            Event::Text(code) if in_rust => events.push(Event::Text(shown(&code).into())),
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let dest_url = CowStr::from(on_the_page(&dest_url));
                events.push(Event::Start(Tag::Link { link_type, dest_url, title, id }));
            }
            Event::End(TagEnd::Heading(level)) => {
                name_the_heading(&mut events, &mut names);
                events.push(Event::End(TagEnd::Heading(level)));
            }
            event => events.push(event),
        }
    }
    let mut page = String::new();
    html::push_html(&mut page, events.into_iter());
    page
}

/// Gives the heading that has just been read its name.
fn name_the_heading(events: &mut [Event<'_>], names: &mut Names) {
    let mut words = Vec::new();
    for event in events.iter_mut().rev() {
        match event {
            Event::Text(text) | Event::Code(text) => words.push(text.to_string()),
            Event::Start(Tag::Heading { id, .. }) => {
                words.reverse();
                *id = Some(names.next(&words.concat()).into());
                return;
            }
            _ => {}
        }
    }
}

/// What a reader is shown of an example: not the lines that only make it run.
fn shown(code: &str) -> String {
    let lines = code.lines().filter(|line| *line != "#" && !line.starts_with("# "));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Links between chapters lead to pages, and links to published documentation to what was
/// built beside them.
fn on_the_page(target: &str) -> String {
    if let Some(page) = target.strip_prefix(DOCS)
        && let Some((_, page)) = page.split_once("/latest/")
    {
        return format!("../doc/{page}");
    }
    if target.contains("://") {
        return target.to_owned();
    }
    target.replace(".md", ".html")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests;
