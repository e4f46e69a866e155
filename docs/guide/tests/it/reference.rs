//! The reference pages have every name of the facade, the main ones have an example, and a word
//! means one thing.

use std::{collections::BTreeSet, fs, path::Path};

use crate::documents::{documents, root, text};

/// The names that the facade re-exports, one by one.
fn exported() -> BTreeSet<String> {
    let facade = text("crates/eventsource/src/lib.rs");
    let mut names = BTreeSet::new();
    for part in facade.split("pub use ").skip(1) {
        let (path, _) = part.split_once(';').unwrap();
        // What is hidden, what is renamed on its way, and whole modules.
        let is_ours = path.starts_with("es_") || path.starts_with("open::");
        if !is_ours || path.contains(" as ") || path.contains("__private") {
            continue;
        }
        let (_, list) = path.split_once("::").unwrap();
        let list = list.trim_matches(['{', '}']);
        names.extend(list.split(',').map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned));
    }
    names
}

#[test]
fn every_name_of_the_facade_is_in_its_area() {
    let pages = documents().into_iter().filter(|page| page.contains("/reference-"));
    let pages: String = pages.map(|page| text(&page)).collect();
    let names = exported();
    assert!(names.len() > 190, "{names:?}");
    let is_missing = |name: &&String| {
        !pages.contains(&format!("| [`{name}`](")) && !pages.contains(&format!("| [`{name}()`]("))
    };
    let missing: Vec<_> = names.iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "no reference page has {missing:?}");
}

/// The words of a glossary, and what they mean.
fn glossary(document: &str) -> Vec<(String, String)> {
    let text = text(document);
    let (_, table) = text.split_once("| word | meaning |\n|---|---|\n").unwrap();
    let rows = table.lines().take_while(|line| line.starts_with("| "));
    let cells = rows.map(|row| row.trim_matches(['|', ' ']).split_once(" | ").unwrap());
    cells.map(|(word, meaning)| (word.to_owned(), meaning.to_owned())).collect()
}

#[test]
fn a_word_means_the_same_in_both_glossaries() {
    let ours = glossary("docs/guide/src/glossary.md");
    let short = glossary("ARCHITECTURE.md");
    assert!(short.len() > 20, "{short:?}");
    for word in short {
        assert!(ours.contains(&word), "the glossary of the guide has another {word:?}");
    }
    let words: Vec<_> = ours.iter().map(|(word, _)| word.to_lowercase()).collect();
    assert!(words.is_sorted(), "{words:?}");
}

/// The types that a program is written with, and those that a backend is.
const MAIN: [&str; 63] = [
    "Aggregate",
    "Append",
    "Apply",
    "CheckpointStore",
    "ContentType",
    "Decide",
    "Durability",
    "Event",
    "EventId",
    "EventStore",
    "EventStream",
    "Execute",
    "ExecuteError",
    "ExpectedVersion",
    "Follow",
    "Handle",
    "HealthReport",
    "Inline",
    "Interest",
    "Layer",
    "LocalBus",
    "LocalOptions",
    "MemoryStore",
    "Metadata",
    "Moment",
    "NewEvent",
    "Observer",
    "OnFailure",
    "Payload",
    "PgTx",
    "Policy",
    "Position",
    "PostgresReadModel",
    "PostgresStore",
    "Projection",
    "Query",
    "Reactor",
    "Read",
    "ReadModel",
    "Rebuild",
    "Rebuilding",
    "Receipt",
    "Recorded",
    "RedisReadModel",
    "RedisStore",
    "RedisTopic",
    "RedisTx",
    "Registry",
    "Relay",
    "Replay",
    "Repository",
    "Retry",
    "Root",
    "Runner",
    "Running",
    "SnapshotPolicy",
    "SqliteReadModel",
    "SqliteStore",
    "Store",
    "Subscriber",
    "Subscription",
    "Telemetry",
    "Upcasters",
];

/// What needs a server to run: of those an example is compiled only.
fn is_of_a_server(name: &str) -> bool {
    ["Pg", "Postgres", "Redis"].iter().any(|server| name.starts_with(server))
}

/// Whether a block of code that is opened like this runs, or is compiled at least. Of others, text
/// or what is ignored, nobody knows whether they are right.
fn counts(opening: &str, name: &str) -> bool {
    matches!(opening, "" | "rust") || opening == "no_run" && is_of_a_server(name)
}

#[test]
fn every_main_type_has_an_example() {
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    for name in MAIN {
        let is_it = |line: &str| {
            ["struct", "enum", "trait"].iter().any(|kind| {
                let rest = line.strip_prefix(&format!("pub {kind} {name}"));
                rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
            })
        };
        let mut found = files.iter().filter_map(|text| {
            let lines: Vec<_> = text.lines().collect();
            let at = lines.iter().position(|line| is_it(line))?;
            // The documentation stands above the attributes.
            let above = lines[..at].iter().rev().take_while(|line| !line.is_empty());
            let fences = above.filter_map(|line| line.strip_prefix("/// ```"));
            // From the bottom up, so that every other one closes.
            Some(fences.skip(1).step_by(2).filter(|opening| counts(opening, name)).count())
        });
        assert!(found.any(|examples| examples > 0), "{name} has no example that runs");
    }
}

fn sources(folder: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(fs::read_to_string(path).unwrap());
        }
    }
}
