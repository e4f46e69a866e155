//! Every dependency can be had under a licence that we allow.

use super::Violation;
use super::tree::Tree;
use crate::metadata::{Metadata, Package};

const ALLOWED: [&str; 11] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// An exception adds permissions, but each one has to be read first.
const EXCEPTIONS: [&str; 1] = ["LLVM-exception"];

pub(super) fn check(metadata: &Metadata, tree: &Tree) -> Vec<Violation> {
    // Members name theirs through the workspace, which another check sees to.
    let foreign = metadata.packages.iter().filter(|p| !p.is_member);
    foreign
        .filter(|package| !package.license.as_deref().is_some_and(is_allowed))
        .map(|package| {
            let licence = package.license.as_deref().unwrap_or("no licence expression");
            let message = format!("{} {} has {licence}", package.name, package.version);
            let fix = "replace the dependency, or allow the licence in xtask/src/tidy/licences.rs";
            Violation::new("Cargo.lock", line_in_lock(tree, package), message, fix)
        })
        .collect()
}

/// Whether one of the ways to read the expression needs allowed licences only.
fn is_allowed(expression: &str) -> bool {
    // `MIT/Apache-2.0` is the old way to write `OR`.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut parser = Parser(spaced.split_whitespace().collect());
    parser.0.reverse();
    parser.either() == Some(true) && parser.0.is_empty()
}

/// The words still to read, the next one last. `None` is a malformed expression.
struct Parser<'a>(Vec<&'a str>);

impl<'a> Parser<'a> {
    fn either(&mut self) -> Option<bool> {
        let mut allowed = self.both()?;
        while self.takes("OR") {
            allowed |= self.both()?;
        }
        Some(allowed)
    }

    fn both(&mut self) -> Option<bool> {
        let mut allowed = self.single()?;
        while self.takes("AND") {
            allowed &= self.single()?;
        }
        Some(allowed)
    }

    fn single(&mut self) -> Option<bool> {
        if self.takes("(") {
            let allowed = self.either()?;
            return self.takes(")").then_some(allowed);
        }
        let mut allowed = ALLOWED.contains(&self.word()?);
        if self.takes("WITH") {
            allowed &= EXCEPTIONS.contains(&self.word()?);
        }
        Some(allowed)
    }

    fn takes(&mut self, word: &str) -> bool {
        let is_next = self.0.last() == Some(&word);
        if is_next {
            self.0.pop();
        }
        is_next
    }

    fn word(&mut self) -> Option<&'a str> {
        let word = self.0.pop()?;
        (!["OR", "AND", "WITH", "(", ")"].contains(&word)).then_some(word)
    }
}

fn line_in_lock(tree: &Tree, package: &Package) -> usize {
    let name = format!("name = \"{}\"", package.name);
    let version = format!("version = \"{}\"", package.version);
    let lines: Vec<_> = tree.get("Cargo.lock").unwrap_or_default().lines().collect();
    let mut pairs = lines.windows(2);
    let at = pairs.position(|pair| pair[0] == name && pair[1] == version);
    at.map_or(1, |at| at + 1)
}

#[cfg(test)]
mod tests;
