//! `cargo xtask schema`: whether events still look as the schema locks say, and accepting
//! what is new.
//!
//! The gate also fails on what is safe and not in a lock yet: it would not be watched. `--check` is
//! for whoever tries a change out: only what is not safe fails.
//!
//! A package is locked when it has the lock file; there is no list to keep. What a lock
//! holds, and how it is compared, is in es-testkit.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::args::{Args, Usage};
use crate::built::Built;
use crate::metadata::{Metadata, Package};
use crate::run::{self, Outcome};
use crate::table::Table;

/// Beside the manifest of a package whose events are locked.
const LOCK: &str = "schemas.lock.json";

/// What the test that compares them is called.
const TEST: &str = "schema";

/// Set to 1, it lets that test write; to `later`, pass with what is safe.
const ACCEPT: &str = "ES_SCHEMA_ACCEPT";

/// What is done with a difference that is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Safe {
    Fails,
    Passes,
    IsAccepted,
}

pub(crate) fn verb(mut args: Args) -> Result<Outcome> {
    let (check, accept) = (args.flag("--check"), args.flag("--accept"));
    args.finish()?;
    if check && accept {
        return Err(Usage::error("`--check` compares and `--accept` writes: give one of them"));
    }
    let safe = match (check, accept) {
        (_, true) => Safe::IsAccepted,
        (true, false) => Safe::Passes,
        (false, false) => Safe::Fails,
    };
    run(&run::root(), &Metadata::members_only()?, safe, &Tests::ByCargo)
}

/// Compares them, and writes nothing: with the tests that the gate has built for all its steps.
pub(crate) fn check() -> Result<Outcome> {
    run(&run::root(), &Metadata::members_only()?, Safe::Fails, &Tests::Of(Built::all()?))
}

/// Who runs the tests of a package.
enum Tests {
    /// Cargo, which builds what that package alone needs.
    ByCargo,
    /// They are run by their paths.
    Of(Built),
}

impl Tests {
    /// What runs those of `package` that compare its lock, with these arguments.
    fn commands(&self, root: &Path, package: &Package, arguments: &[&str]) -> Vec<Command> {
        match self {
            Self::ByCargo => {
                let mut command = run::cargo(["test", "-q", "-p", &package.name, TEST, "--"]);
                command.current_dir(root).args(arguments);
                vec![command]
            }
            Self::Of(built) => {
                let tests = built.tests.get(&package.id).into_iter().flatten();
                let command = |test| {
                    let mut command = Command::new(test);
                    let manifest = root.join(&package.manifest);
                    command.current_dir(manifest.parent().unwrap_or(root));
                    command.args(["-q", TEST]).args(arguments);
                    command
                };
                tests.map(command).collect()
            }
        }
    }
}

fn run(root: &Path, metadata: &Metadata, safe: Safe, tests: &Tests) -> Result<Outcome> {
    let mut table = Table::new("package");
    for package in locked(metadata, root)? {
        let started = Instant::now();
        let outcome = run_one(root, package, safe, tests)?;
        table.push(&package.name, outcome, started.elapsed());
    }
    print!("\n{table}");
    Ok(Outcome::passed_if(table.all_passed()))
}

fn run_one(root: &Path, package: &Package, safe: Safe, tests: &Tests) -> Result<Outcome> {
    let arguments: &[&str] = if safe == Safe::Fails { &[] } else { &["--nocapture"] };
    let listing = tests.commands(root, package, &["--list"]);
    let mut is_compared = false;
    for (mut listing, mut command) in
        listing.into_iter().zip(tests.commands(root, package, arguments))
    {
        if !has_test(&run::read(&mut listing)?) {
            continue;
        }
        is_compared = true;
        match safe {
            Safe::Fails => command.env_remove(ACCEPT),
            Safe::Passes => command.env(ACCEPT, "later"),
            Safe::IsAccepted => command.env(ACCEPT, "1"),
        };
        let outcome = run::run(&mut command)?;
        if outcome != Outcome::Passed {
            return Ok(outcome);
        }
    }
    // A filter that meets no test would pass for the wrong reason.
    if !is_compared {
        bail!("{} has a {LOCK} and no test named `{TEST}` that compares it", package.name);
    }
    Ok(Outcome::Passed)
}

/// The packages that have a lock file, by name.
fn locked<'a>(metadata: &'a Metadata, root: &Path) -> Result<Vec<&'a Package>> {
    let has_lock = |package: &&Package| {
        let manifest = root.join(&package.manifest);
        manifest.with_file_name(LOCK).is_file()
    };
    let mut locked: Vec<_> = metadata.members().filter(has_lock).collect();
    if locked.is_empty() {
        bail!(
            "no package has a {LOCK} beside its manifest: write a test named `{TEST}` with \
             `es_testkit::SchemaLock` and run it once with {ACCEPT}=1"
        );
    }
    locked.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(locked)
}

/// Whether `--list` has listed a test.
fn has_test(listed: &str) -> bool {
    listed.lines().any(|line| line.ends_with(": test"))
}

#[cfg(test)]
mod tests;
