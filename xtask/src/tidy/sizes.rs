//! Files stay small enough to read, and examples small enough to copy.
//!
//! `size_exceptions.txt` lists the files and examples that are longer, and only ever shrinks:
//! an entry that allows more than its file needs is a violation too.

use std::collections::BTreeMap;

use super::Violation;
use super::tree::Tree;

const FILE_LINES: usize = 500;
const EXAMPLE_LINES: usize = 199;
const EXCEPTIONS: &str = "xtask/src/tidy/size_exceptions.txt";

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let (exceptions, mut violations) = exceptions(tree);
    let too_long = tree.rust_files().filter_map(|(path, text)| {
        let lines = text.lines().count();
        let limit = exceptions.get(path).copied().unwrap_or(FILE_LINES);
        let message = format!("the file has {lines} lines, {limit} are allowed");
        let fix = "split it: one idea per file";
        (lines > limit).then(|| Violation::new(path, limit + 1, message, fix))
    });
    violations.extend(too_long);
    violations.extend(lines_of_examples(tree).into_iter().filter_map(|(sources, lines)| {
        let limit = exceptions.get(sources.as_str()).copied().unwrap_or(EXAMPLE_LINES);
        let message = format!("the example has {lines} lines, {limit} are allowed");
        let fix = "show one thing, or make two examples of it";
        (lines > limit).then(|| Violation::new(&sources, 1, message, fix))
    }));
    violations
}

/// The allowed lines by path, and what is wrong with them.
fn exceptions(tree: &Tree) -> (BTreeMap<&str, usize>, Vec<Violation>) {
    let mut entries = BTreeMap::new();
    let mut violations = Vec::new();
    let examples = lines_of_examples(tree);
    let list = tree.get(EXCEPTIONS).unwrap_or_default().lines();
    for (at, line) in list.enumerate() {
        let mut violation = |message: String, fix: &str| {
            violations.push(Violation::new(EXCEPTIONS, at + 1, message, fix));
        };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let entry = line.rsplit_once(' ');
        let Some((path, Ok(lines))) = entry.map(|(path, lines)| (path.trim(), lines.parse()))
        else {
            violation(format!("cannot read `{line}`"), "write `path lines`");
            continue;
        };
        entries.insert(path, lines);
        let (actual, usual) = match examples.get(path) {
            Some(lines) => (*lines, EXAMPLE_LINES),
            None => (tree.get(path).map_or(0, |text| text.lines().count()), FILE_LINES),
        };
        if actual <= usual {
            let message = format!("{path} needs no exception");
            violation(message, "remove the entry");
        } else if actual < lines {
            let message = format!("{path} has only {actual} lines");
            violation(message, "lower the entry to that");
        }
    }
    (entries, violations)
}

/// The `src` folder of each example, and how many lines of Rust are in it.
fn lines_of_examples(tree: &Tree) -> BTreeMap<String, usize> {
    let mut examples = BTreeMap::new();
    for (path, text) in tree.rust_files() {
        let mut parts = path.split('/');
        if let (Some("examples"), Some(name), Some("src")) =
            (parts.next(), parts.next(), parts.next())
        {
            *examples.entry(format!("examples/{name}/src")).or_default() += text.lines().count();
        }
    }
    examples
}

#[cfg(test)]
mod tests;
