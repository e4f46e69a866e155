//! Each code block of each document is run by a test, or is none that could be.

use crate::{
    documents::{blocks, blocks_of, documents, text},
    programs, statements,
};

/// What says itself that it is no code: pictures, and what a program prints.
const SHOWN: [(&str, &str); 3] = [
    ("ARCHITECTURE.md", "your domain"),
    ("docs/guide/src/architecture.md", "your domain"),
    ("docs/testing-your-backend.md", "the store does not do what the model does"),
];

#[test]
fn every_block_has_a_test() {
    let mut undecided = Vec::new();
    for block in blocks() {
        let document = block.document.as_str();
        let decided = match block.info.as_str() {
            // Every document with such a block is among the doctests, see below.
            "rust" => true,
            "rust,no_run" => {
                let is_known =
                    |(page, call): &(&str, &str)| *page == document && block.text.contains(call);
                programs::RUN.contains(&document) || programs::FRAGMENTS.iter().any(is_known)
            }
            // The tests of these go through all documents, and know each command.
            "sh" | "toml" => true,
            "sql" => statements::RUN.contains(&document),
            // What getting started prints is compared; the rules of Redis are given to one.
            "text" if document == "docs/guide/src/getting-started.md" => true,
            "text" if document == "docs/redis.md" => true,
            "conf" => document == "docs/redis.md",
            "text" | "" => SHOWN.iter().any(|(shown, start)| {
                *shown == document && block.text.trim_start().starts_with(start)
            }),
            _ => false,
        };
        if !decided {
            undecided.push(format!("{} `{}`", block.place(), block.info));
        }
    }
    assert!(undecided.is_empty(), "no test runs the code at {undecided:#?}");
}

#[test]
fn every_document_with_rust_is_among_the_doctests() {
    let chapters = text("docs/guide/chapters.rs");
    let testkit = text("crates/es-testkit/src/lib.rs");
    for document in documents() {
        let has_rust = blocks_of(&document).iter().any(|block| block.language() == "rust");
        let package = document.strip_suffix("/README.md").filter(|p| p.starts_with("crates/"));
        let tested = match package {
            Some(package) => text(&format!("{package}/src/lib.rs"))
                .starts_with("#![doc = include_str!(\"../README.md\")]"),
            None => {
                let name = document.strip_prefix("docs/").unwrap_or(&document);
                let name = name.strip_prefix("guide/src/").unwrap_or(name);
                chapters.contains(&format!("{name}\";")) // a chapter, or a page beside
                    || testkit.contains(&format!("docs/{name}\")]"))
                    || document == "README.md"
            }
        };
        assert!(tested || !has_rust, "the code of {document} is compiled by no test");
    }
}
