//! The documents of the repository, and the code blocks in them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What stands between two fences.
#[derive(Debug)]
pub(crate) struct Block {
    /// The document, from the root.
    pub(crate) document: String,
    /// The line of the first fence.
    pub(crate) line: usize,
    /// What is written behind that fence.
    pub(crate) info: String,
    pub(crate) text: String,
}

impl Block {
    pub(crate) fn language(&self) -> &str {
        self.info.split(',').next().unwrap_or_default()
    }

    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.document, self.line)
    }
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The target folder of this workspace, wherever it is: this test runs from inside of it.
pub(crate) fn target() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().to_owned()
}

/// Every document: those of the root, of `docs` and of each package.
pub(crate) fn documents() -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root()).unwrap() {
        note(&entry.unwrap().path(), &mut found);
    }
    for folder in ["benches", "crates", "docs", "examples", "xtask"] {
        walk(&root().join(folder), &mut found);
    }
    found.sort();
    assert!(found.len() > 50, "{found:?}");
    found
}

fn walk(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        }
        note(&path, found);
    }
}

fn note(path: &Path, found: &mut Vec<String>) {
    if path.is_file() && path.extension().is_some_and(|end| end == "md") {
        found.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
    }
}

pub(crate) fn text(document: &str) -> String {
    fs::read_to_string(root().join(document)).unwrap()
}

pub(crate) fn blocks_of(document: &str) -> Vec<Block> {
    let text = text(document);
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (at, line) in text.lines().enumerate() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(info)) => {
                let (document, info) = (document.to_owned(), info.trim().to_owned());
                open = Some(Block { document, line: at + 1, info, text: String::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a code block of {document} does not end");
    blocks
}

/// The blocks of every document.
pub(crate) fn blocks() -> Vec<Block> {
    documents().iter().flat_map(|document| blocks_of(document)).collect()
}

/// Those of one language.
pub(crate) fn blocks_in(language: &str) -> Vec<Block> {
    let blocks = blocks().into_iter().filter(|block| block.language() == language);
    blocks.collect()
}
