//! `cargo xtask features`: every published crate compiles with each feature alone, without a
//! warning.
//!
//! Features are additive, so a crate that compiles with each one alone and with
//! all at once compiles with any mix. Crates without features are left to clippy.

use anyhow::Result;

use crate::args::Args;
use crate::metadata::{FACADE, Metadata, Package};
use crate::run::{self, Outcome};

pub(crate) fn verb(args: Args) -> Result<Outcome> {
    args.finish()?;
    all()
}

/// Checks everything, also after a failure, and lists what failed at the end.
pub(crate) fn all() -> Result<Outcome> {
    let metadata = Metadata::members_only()?;
    let checks: Vec<_> = metadata.members().flat_map(checks_of).collect();
    let mut failed = Vec::new();
    for check in &checks {
        if run::run(run::cargo(check).args(["--", "-D", "warnings"]))? != Outcome::Passed {
            failed.push(check.join(" "));
        }
    }
    println!("{} feature checks, {} failed", checks.len(), failed.len());
    for check in &failed {
        println!("  failed: cargo {check}");
    }
    Ok(Outcome::passed_if(failed.is_empty()))
}

/// The arguments of each cargo command that a package needs.
fn checks_of(package: &Package) -> Vec<Vec<&str>> {
    if !package.is_publishable || package.features.is_empty() {
        return Vec::new();
    }
    // Of all that is compiled, only the crate itself may not warn: no dependency is built anew.
    let base = vec!["rustc", "-q", "--profile", "check", "--lib", "-p", &package.name];
    let with = |more: &[&'static str]| [base.as_slice(), more].concat();
    let mut checks = vec![with(&["--no-default-features"])];
    for feature in &package.features {
        // A leading underscore marks a feature that is not for users.
        if feature != "default" && !feature.starts_with('_') {
            let mut check = with(&["--no-default-features", "--features"]);
            check.push(feature);
            checks.push(check);
        }
    }
    if package.name == FACADE {
        checks.push(with(&["--all-features"]));
    }
    checks
}

#[cfg(test)]
mod tests;
