//! Follows the links of every document of the repository.
//!
//! A link into the repository must meet a file or a folder, and its fragment a heading. Links
//! to the published documentation and to files on the repository's site are followed on this
//! machine: there the first is what `cargo doc` has just written, and the second the working
//! copy. Links to other sites are not followed, so that the gate needs no network.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Fault;
use super::markdown::{Link, Markdown};
use crate::tidy::tree::Tree;

/// Where the documentation of our crates will be.
pub(super) const DOCS: &str = "https://docs.rs/";
/// Where the files of the repository are to be seen.
const SITE: &str = "https://github.com/eventsource-rs/eventsource/";

/// Every document, and what a link can lead to.
pub(super) struct Links<'a> {
    documents: BTreeMap<&'a str, Markdown>,
    /// Files and folders, by their path from the root.
    places: BTreeSet<&'a str>,
    rustdoc: &'a Path,
}

impl<'a> Links<'a> {
    pub(super) fn new(tree: &'a Tree, rustdoc: &'a Path) -> Self {
        let mut places = BTreeSet::from([""]);
        for (path, _) in tree.files() {
            places.insert(path);
            places.extend(path.match_indices('/').map(|(at, _)| &path[..at]));
        }
        let documents = tree.files().filter(|(path, _)| path.ends_with(".md"));
        let documents = documents.map(|(path, text)| (path, Markdown::parse(text))).collect();
        Self { documents, places, rustdoc }
    }

    pub(super) fn count(&self) -> usize {
        self.documents.values().map(|document| document.links.len()).sum()
    }

    /// The links that lead nowhere.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (path, document) in &self.documents {
            for Link { line, target } in &document.links {
                if let Err(why) = self.follow(path, target) {
                    faults.push(Fault::new(path, *line, format!("dead link `{target}`: {why}")));
                }
            }
        }
        faults
    }

    fn follow(&self, from: &str, target: &str) -> Result<(), String> {
        let (place, fragment) = split(target);
        if let Some(page) = place.strip_prefix(DOCS) {
            return self.in_rustdoc(page, fragment);
        }
        if let Some(place) = place.strip_prefix(SITE) {
            let place = ["blob/main/", "tree/main/"].iter().find_map(|at| place.strip_prefix(at));
            return place.map_or(Ok(()), |place| self.in_tree(place, fragment));
        }
        if place.contains("://") || place.starts_with("mailto:") {
            return Ok(());
        }
        if place.is_empty() {
            return self.in_tree(from, fragment);
        }
        let path = resolve(from, place).ok_or("it leaves the repository")?;
        self.in_tree(&path, fragment)
    }

    fn in_tree(&self, path: &str, fragment: Option<&str>) -> Result<(), String> {
        let path = path.trim_end_matches('/');
        if !self.places.contains(path) {
            return Err("there is no such file".to_owned());
        }
        match (fragment, self.documents.get(path)) {
            (Some(name), Some(document)) if !document.anchors.contains(name) => {
                Err(format!("there is no heading `{name}`"))
            }
            _ => Ok(()),
        }
    }

    /// A page of a crate that is not ours is not on this machine.
    fn in_rustdoc(&self, page: &str, fragment: Option<&str>) -> Result<(), String> {
        let mut parts = page.splitn(3, '/');
        let (name, release) = (parts.next().unwrap_or_default(), parts.next());
        let folder = format!("crates/{name}");
        if !self.places.contains(folder.as_str()) {
            return Ok(());
        }
        if release != Some("latest") {
            return Err("write `latest` behind the name of the crate".to_owned());
        }
        let mut file = self.rustdoc.join(parts.next().unwrap_or_default());
        if file.is_dir() {
            file.push("index.html");
        }
        let Ok(text) = std::fs::read_to_string(&file) else {
            return Err("the documentation has no such page".to_owned());
        };
        match fragment {
            Some(id) if !text.contains(&format!("id=\"{id}\"")) => {
                Err(format!("the page has no `{id}`"))
            }
            _ => Ok(()),
        }
    }
}

fn split(target: &str) -> (&str, Option<&str>) {
    target.split_once('#').map_or((target, None), |(place, fragment)| (place, Some(fragment)))
}

/// The path from the root of what `place` means in the file `from`.
fn resolve(from: &str, place: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in place.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests;
