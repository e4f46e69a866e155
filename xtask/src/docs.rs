//! `cargo xtask docs`: the documentation of the crates, the guide as a book, and every link
//! in every document followed.
//!
//! Here: the order of these. Reading Markdown, following links and making pages have files
//! of their own.

mod book;
mod links;
mod markdown;

use std::fmt;

use anyhow::Result;

use crate::args::Args;
use crate::run::{self, Outcome};
use crate::tidy::tree::Tree;
use links::Links;

pub(crate) fn verb(args: Args) -> Result<Outcome> {
    args.finish()?;
    all()
}

/// Prints what is wrong, and where the pages are.
pub(crate) fn all() -> Result<Outcome> {
    let arguments = ["doc", "--workspace", "--no-deps", "--all-features"];
    let outcome = run::run(run::cargo(arguments).env("RUSTDOCFLAGS", "-D warnings"))?;
    if outcome != Outcome::Passed {
        return Ok(outcome);
    }
    let root = run::root();
    let tree = Tree::read(&root)?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), Into::into);
    let target: std::path::PathBuf = root.join::<std::path::PathBuf>(target);
    let rustdoc = target.join("doc");
    let links = Links::new(&tree, &rustdoc);

    let mut faults = links.faults();
    let pages = book::write(&tree, &target.join("book"), &mut faults)?;
    faults.sort();
    for fault in &faults {
        println!("{fault}");
    }
    println!("docs: {} links, {pages} pages, {} faults", links.count(), faults.len());
    println!("docs: the guide is {}", target.join("book/index.html").display());
    Ok(Outcome::passed_if(faults.is_empty()))
}

/// One thing that is wrong in one document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    path: String,
    line: usize,
    message: String,
}

impl Fault {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, message } = self;
        write!(f, "{path}:{line}: {message}")
    }
}
