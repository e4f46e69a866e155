//! `cargo xtask schema`: whether events still look as the schema locks say, and accepting
//! what is new.
//!
//! The gate also fails on what is safe and not in a lock yet: it would not be watched. `--check` is
//! for whoever tries a change out: only what is not safe fails.
//!
//! A package is locked when it has the lock file; there is no list to keep. What a lock
//! holds, and how it is compared, is in es-testkit.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::args::{Args, Usage};
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
    run(&run::root(), &Metadata::members_only()?, safe)
}

/// Compares them, and writes nothing.
pub(crate) fn check() -> Result<Outcome> {
    run(&run::root(), &Metadata::members_only()?, Safe::Fails)
}

fn run(root: &Path, metadata: &Metadata, safe: Safe) -> Result<Outcome> {
    let mut table = Table::new("package");
    for package in locked(metadata, root)? {
        let started = Instant::now();
        let outcome = run_one(root, package, safe)?;
        table.push(&package.name, outcome, started.elapsed());
    }
    print!("\n{table}");
    Ok(Outcome::passed_if(table.all_passed()))
}

fn run_one(root: &Path, package: &Package, safe: Safe) -> Result<Outcome> {
    let cargo = || {
        let mut cargo = run::cargo(["test", "-q", "-p", &package.name, TEST, "--"]);
        cargo.current_dir(root);
        cargo
    };
    // A filter that meets no test would pass for the wrong reason.
    let listed = run::read(cargo().arg("--list"))?;
    if !has_test(&listed) {
        bail!("{} has a {LOCK} and no test named `{TEST}` that compares it", package.name);
    }
    let mut command = cargo();
    match safe {
        Safe::Fails => command.env_remove(ACCEPT),
        Safe::Passes => command.env(ACCEPT, "later").arg("--nocapture"),
        Safe::IsAccepted => command.env(ACCEPT, "1").arg("--nocapture"),
    };
    run::run(&mut command)
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

/// Whether `cargo test -- --list` has listed a test.
fn has_test(listed: &str) -> bool {
    listed.lines().any(|line| line.ends_with(": test"))
}

#[cfg(test)]
mod tests;
