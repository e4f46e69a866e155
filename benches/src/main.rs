//! `cargo xtask bench [AREA] [--quick | --check] [--json FILE] [--plot DIR]`.

mod bus;
mod domain;
mod measure;
mod memory;
mod plain;
mod postgres;
mod projections;
mod redis;
mod report;
mod sqlite;
mod telemetry;

use std::path::PathBuf;

use anyhow::{Context, bail};

const AREAS: [&str; 7] =
    ["memory", "sqlite", "postgres", "redis", "projections", "bus", "telemetry"];

/// How much a run measures.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// Rounds that count.
    pub(crate) rounds: usize,
    /// Divides the number of calls of each round.
    pub(crate) thrift: u64,
}

struct Options {
    areas: Vec<String>,
    effort: Effort,
    json: Option<PathBuf>,
    plot: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let options = options(std::env::args().skip(1))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (mut rows, mut others) = (Vec::new(), Vec::new());
    for area in &options.areas {
        match area.as_str() {
            "memory" => {
                // A task of its own, so that the work runs where users' work runs: on the
                // workers of the runtime.
                let effort = options.effort;
                rows.extend(runtime.block_on(runtime.spawn(memory::measure(effort)))??);
                others.push(memory::bytes_held()?);
            }
            // Not on a worker of the runtime: the floor blocks.
            "sqlite" => rows.extend(runtime.block_on(sqlite::measure(options.effort))?),
            "postgres" => {
                let effort = options.effort;
                rows.extend(runtime.block_on(postgres::measure(effort))?);
            }
            "redis" => {
                let effort = options.effort;
                let (measured, bytes) = runtime.block_on(redis::measure(effort))?;
                rows.extend(measured);
                others.extend(bytes);
            }
            "bus" => {
                let effort = options.effort;
                let measured = runtime.block_on(runtime.spawn(bus::measure(effort)))??;
                rows.extend(measured.0);
                others.extend(measured.1);
            }
            // On a runtime of its own, with one thread.
            "telemetry" => {
                let (measured, cost) = telemetry::measure(options.effort)?;
                rows.extend(measured);
                others.push(cost);
            }
            "projections" => {
                let measured = runtime.block_on(projections::measure(options.effort))?;
                rows.extend(measured.0);
                others.extend(measured.1);
            }
            other => bail!("no area {other:?}: there are {}", AREAS.join(", ")),
        }
    }
    print!("{}", report::table(&rows));
    for other in &others {
        println!("{}", other["text"].as_str().unwrap_or_default());
    }
    if let Some(file) = options.json {
        let json = serde_json::to_string_pretty(&report::json(&rows, others))?;
        std::fs::write(&file, json).with_context(|| format!("writing {}", file.display()))?;
    }
    options.plot.map_or(Ok(()), |folder| report::plot(&rows, &folder))
}

fn options(mut args: impl Iterator<Item = String>) -> anyhow::Result<Options> {
    let mut options = Options {
        areas: Vec::new(),
        effort: Effort { rounds: 7, thrift: 1 },
        json: None,
        plot: None,
    };
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" => options.effort = Effort { rounds: 3, thrift: 4 },
            // So little that the figures say nothing, but both sides have done their work.
            "--check" => options.effort = Effort { rounds: 1, thrift: 50 },
            "--json" => options.json = Some(args.next().context("--json needs a file")?.into()),
            "--plot" => options.plot = Some(args.next().context("--plot needs a folder")?.into()),
            flag if flag.starts_with('-') => {
                bail!("no option {flag:?}: there are --quick, --check, --json FILE and --plot DIR")
            }
            area => options.areas.push(area.to_owned()),
        }
    }
    if options.areas.is_empty() {
        options.areas.extend(AREAS.map(str::to_owned));
    }
    Ok(options)
}
