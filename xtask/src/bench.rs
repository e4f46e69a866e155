//! `cargo xtask bench`: builds the bench harness with optimisation and runs it.
//!
//! Not here: what is measured. That is in `benches/`.

use anyhow::Result;

use crate::args::Args;
use crate::run::{self, Outcome};
use crate::services::{POSTGRES_URL, REDIS_URL, Service};

pub(crate) fn verb(mut args: Args) -> Result<Outcome> {
    let (quick, check) = (args.flag("--quick"), args.flag("--check"));
    let json = args.option("--json")?;
    let plot = args.option("--plot")?;
    let area = args.positional();
    args.finish()?;

    // All binaries: the one that counts bytes is started by the other.
    let build = ["build", "--release", "--package", "es-bench", "--bins"];
    let built = run::run(&mut run::cargo(build))?;
    if let Outcome::Failed(_) = built {
        return Ok(built);
    }
    let run = ["run", "--quiet", "--release", "--package", "es-bench", "--bin", "es-bench", "--"];
    let mut command = run::cargo(run);
    let postgres = matches!(area.as_deref(), None | Some("postgres" | "projections" | "bus"))
        .then(Service::postgres);
    let postgres = postgres.transpose()?;
    if let Some(postgres) = &postgres {
        command.env(POSTGRES_URL, postgres.url());
    }
    let redis =
        matches!(area.as_deref(), None | Some("redis" | "bus")).then(Service::redis).transpose()?;
    if let Some(redis) = &redis {
        command.env(REDIS_URL, redis.url());
    }
    command.args(area);
    for (flag, is_set) in [("--quick", quick), ("--check", check)] {
        if is_set {
            command.arg(flag);
        }
    }
    for (flag, value) in [("--json", json), ("--plot", plot)] {
        if let Some(value) = value {
            command.args([flag, &value]);
        }
    }
    run::run(&mut command)
}
