//! What errors say is found in the chapter that goes by symptom, and what that chapter quotes is
//! what errors say.

use std::{fs, path::Path};

use crate::documents::{root, text};

const CHAPTER: &str = "docs/guide/src/troubleshooting.md";

/// The files that give errors of databases their words.
const WORDED: [&str; 3] = [
    "crates/es-store-sqlite/src/error.rs",
    "crates/es-store-postgres/src/error.rs",
    "crates/es-store-redis/src/error.rs",
];

/// The source with what a writer of code breaks into lines put together again.
fn joined(source: &str) -> String {
    let mut joined = String::new();
    let mut rest = source;
    while let Some((before, after)) = rest.split_once("\\\n") {
        joined.push_str(before);
        rest = after.trim_start();
    }
    joined + rest
}

fn source(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source(&path, all);
        } else if path.extension().is_some_and(|end| end == "rs") {
            all.push_str(&joined(&fs::read_to_string(path).unwrap()));
        }
    }
}

/// The texts between quotation marks that are sentences.
fn sentences(source: &str) -> Vec<&str> {
    let words = |text: &&str| text.matches(' ').count() >= 2 && !text.contains('\n');
    source.split('"').skip(1).step_by(2).filter(words).collect()
}

#[test]
fn what_databases_fail_with_is_there_by_its_words() {
    let chapter = text(CHAPTER);
    let mut looked = 0;
    for file in WORDED {
        let code: String = text(file)
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .flat_map(|line| [line, "\n"])
            .collect();
        let code = joined(&code);
        for said in sentences(&code) {
            // It would be a mistake of the store.
            let is_ours = said == "PostgreSQL named a log unasked";
            assert!(is_ours || chapter.contains(said), "{CHAPTER} lacks: {said}");
            looked += 1;
        }
    }
    assert!(looked > 30, "{looked}");
}

#[test]
fn every_kind_is_there() {
    let chapter = text(CHAPTER);
    let kinds = text("crates/es-core/src/error/kind.rs");
    let (_, kinds) = kinds.split_once("pub enum ErrorKind {").unwrap();
    let (kinds, _) = kinds.split_once("\n}").unwrap();
    let mut known = 0;
    for line in kinds.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        let Some(kind) = line.strip_suffix(',') else { continue };
        assert!(chapter.contains(&format!("\n| `{kind}` |")), "{CHAPTER} lacks {kind}");
        known += 1;
    }
    assert_eq!(known, 15);
}

#[test]
fn what_is_quoted_is_what_the_code_says() {
    let mut code = String::new();
    source(&root().join("crates"), &mut code);
    let mut quoted = 0;
    let text = text(CHAPTER);
    for row in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = row.split(" | ").collect();
        // In the table of kinds the message is the second cell.
        let cell = if row.starts_with("| `") && cells[0].chars().filter(|c| *c == ' ').count() == 1
        {
            cells.get(1).copied().unwrap_or_default()
        } else {
            cells[0]
        };
        for message in cell.split('`').skip(1).step_by(2) {
            // What the compiler says is its own affair.
            let is_rustc = message.contains("impl ") || message.starts_with("the trait ");
            if message.matches(' ').count() < 3 || is_rustc {
                continue;
            }
            for part in message.split('…').map(str::trim).filter(|part| part.len() > 6) {
                let part = part.trim_start_matches([',', ';']).trim();
                assert!(code.contains(part), "no error says: {part}");
                quoted += 1;
            }
        }
    }
    assert!(quoted > 60, "{quoted}");
}
