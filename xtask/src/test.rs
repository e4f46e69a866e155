//! `cargo xtask test`: every test and doctest of the workspace, with the servers that they
//! need.

use std::time::Duration;

use anyhow::Result;

use crate::args::Args;
use crate::run::{self, Outcome};
use crate::services::{self, POSTGRES_URL, REDIS_URL, Service};

/// Some four times what building and running all of it takes on two cores.
const LIMIT: Duration = Duration::from_secs(45 * 60);

pub(crate) fn verb(mut args: Args) -> Result<Outcome> {
    let extra = args.rest();
    args.finish()?;
    all(&extra)
}

/// Whether `cargo test` is told which packages to test.
fn names_packages(extra: &[String]) -> bool {
    let of_cargo = extra.iter().take_while(|argument| *argument != "--");
    let mut names = of_cargo.filter(|argument| {
        argument.starts_with("-p") || *argument == "--package" || argument.starts_with("--package=")
    });
    names.next().is_some()
}

/// Hands on the exit code of `cargo test`; `extra` follows its own arguments.
pub(crate) fn all(extra: &[String]) -> Result<Outcome> {
    let postgres = Service::postgres()?;
    let redis = Service::redis()?;
    services::pgbouncer();
    let mut command = run::cargo(["test", "--all-features"]);
    // Whoever names packages means them alone.
    if !names_packages(extra) {
        command.arg("--workspace");
    }
    command.args(extra).env(POSTGRES_URL, postgres.url()).env(REDIS_URL, redis.url());
    // At a terminal there is somebody who sees what hangs, and who interrupts it.
    if run::is_ci() { run::run_within(&mut command, LIMIT) } else { run::run(&mut command) }
}

#[cfg(test)]
mod tests {
    use super::names_packages;

    #[test]
    fn packages_are_named_before_the_dashes() {
        let names = |text: &str| {
            names_packages(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        };
        for text in ["-p es-core", "-pes-core", "--package es-core", "--package=es-core -- l2"] {
            assert!(names(text), "{text}");
        }
        for text in ["", "--doc", "-- -p", "--no-fail-fast -- --package"] {
            assert!(!names(text), "{text}");
        }
    }
}
