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

/// Hands on the exit code of `cargo test`; `extra` follows its own arguments.
pub(crate) fn all(extra: &[String]) -> Result<Outcome> {
    let postgres = Service::postgres()?;
    let redis = Service::redis()?;
    services::pgbouncer();
    let mut command = run::cargo(["test", "--workspace", "--all-features"]);
    command.args(extra).env(POSTGRES_URL, postgres.url()).env(REDIS_URL, redis.url());
    // At a terminal there is somebody who sees what hangs, and who interrupts it.
    if run::is_ci() { run::run_within(&mut command, LIMIT) } else { run::run(&mut command) }
}
