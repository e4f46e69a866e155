//! `cargo xtask tidy`: the rules of the repository that a compiler does not check.
//!
//! Here: the list of checks and the report. Each check has a file of its own
//! and, beside it, tests that plant what it must find.

mod allows;
mod drivers;
mod inheritance;
mod licences;
mod machine_paths;
mod module_docs;
mod names;
mod readmes;
mod reasons;
mod rust_version;
mod siblings;
mod sizes;
mod sleeps;
mod stubs;
mod toml;
pub(crate) mod tree;
mod versions;
mod whitespace;

use std::fmt;

use anyhow::Result;

use crate::args::Args;
use crate::metadata::Metadata;
use crate::run::{self, Outcome};
use tree::Tree;

pub(crate) fn verb(args: Args) -> Result<Outcome> {
    args.finish()?;
    all()
}

/// Prints every violation and how many there are.
pub(crate) fn all() -> Result<Outcome> {
    let violations = violations()?;
    for violation in &violations {
        println!("{violation}");
    }
    println!("tidy: {} violations", violations.len());
    Ok(Outcome::passed_if(violations.is_empty()))
}

/// One place that breaks one rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Violation {
    path: String,
    line: usize,
    message: String,
    fix: String,
}

impl Violation {
    fn new(path: &str, line: usize, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into(), fix: fix.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, message, fix } = self;
        write!(f, "{path}:{line}: {message} ({fix})")
    }
}

/// What the checks of text find.
const OF_THE_TREE: [fn(&Tree) -> Vec<Violation>; 12] = [
    allows::check,
    inheritance::check,
    machine_paths::check,
    module_docs::check,
    names::check,
    readmes::check,
    reasons::check,
    sizes::check,
    sleeps::check,
    stubs::check,
    versions::check,
    whitespace::check,
];

/// What the checks of the crate graph find; the tree tells them the lines.
const OF_THE_GRAPH: [fn(&Metadata, &Tree) -> Vec<Violation>; 4] =
    [drivers::check, licences::check, rust_version::check, siblings::check];

fn violations() -> Result<Vec<Violation>> {
    let tree = Tree::read(&run::root())?;
    let metadata = Metadata::resolved()?;
    let of_the_tree = OF_THE_TREE.iter().flat_map(|check| check(&tree));
    let of_the_graph = OF_THE_GRAPH.iter().flat_map(|check| check(&metadata, &tree));
    let mut violations: Vec<_> = of_the_tree.chain(of_the_graph).collect();
    violations.sort();
    Ok(violations)
}

#[cfg(test)]
mod tests;
