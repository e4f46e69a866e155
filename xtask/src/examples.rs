//! `cargo xtask examples`: build the example packages, then run them one by one.
//!
//! An example is a member whose manifest is under `examples/`; there is no list to keep. What
//! was built is run by its path: `cargo run` would build libraries anew for each, with the
//! features that it alone wants.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::args::{Args, Usage};
use crate::built::Built;
use crate::metadata::{Metadata, Package};
use crate::run::{self, Outcome};
use crate::services::{POSTGRES_URL, Postgres, REDIS_URL, Redis, Service};
use crate::table::Table;

pub(crate) fn verb(mut args: Args) -> Result<Outcome> {
    let mut request = Request {
        store: args.option("--store")?,
        release: args.flag("--release"),
        with_tests: false,
        name: args.positional(),
        rest: args.rest(),
    };
    args.finish()?;
    if request.name.is_none() && !request.rest.is_empty() {
        return Err(Usage::error("arguments after `--` go to one example: name it"));
    }
    let mut servers = Servers::default();
    let url = match request.store.as_deref() {
        Some("postgres") => Some(servers.postgres()?),
        Some("redis") => Some(servers.redis()?),
        _ => None,
    };
    request.store = url.map(str::to_owned).or(request.store);
    request.run(&mut servers)
}

/// All of them, built together with the tests of the workspace, which then are there for the step that
/// runs them: built apart, both would have every dependency with features of its own.
pub(crate) fn all() -> Result<Outcome> {
    Request { with_tests: true, ..Request::default() }.run(&mut Servers::default())
}

/// The servers that run, each started when it is first wanted: for `--store`, or for an example
/// that needs it whatever the store is.
#[derive(Default)]
struct Servers {
    postgres: Option<Service<Postgres>>,
    redis: Option<Service<Redis>>,
}

impl Servers {
    fn postgres(&mut self) -> Result<&str> {
        started(&mut self.postgres, Service::postgres).map(|server| server.url())
    }

    fn redis(&mut self) -> Result<&str> {
        started(&mut self.redis, Service::redis).map(|server| server.url())
    }
}

fn started<S>(server: &mut Option<S>, start: impl FnOnce() -> Result<S>) -> Result<&S> {
    let running = match server.take() {
        Some(running) => running,
        None => start()?,
    };
    Ok(server.insert(running))
}

#[derive(Default)]
struct Request {
    name: Option<String>,
    store: Option<String>,
    release: bool,
    with_tests: bool,
    rest: Vec<String>,
}

impl Request {
    fn run(&self, servers: &mut Servers) -> Result<Outcome> {
        let metadata = Metadata::members_only()?;
        let chosen = self.choose(&metadata)?;

        // One build for all, so that the seconds below are those of the examples.
        let built = self.build(&chosen)?;

        let needs = |name: &str| chosen.iter().any(|e| e.needs.iter().any(|need| need == name));
        if needs("postgres") {
            servers.postgres()?;
        }
        if needs("redis") {
            servers.redis()?;
        }

        let mut table = Table::new("example");
        for example in chosen {
            println!("\n== {} ==", heading(example));
            let started = Instant::now();
            let program = built.programs.get(&example.name);
            let program = program.with_context(|| format!("{} has no program", example.name))?;
            let mut command = Command::new(program);
            command.current_dir(run::root()).args(self.arguments());
            if let Some(postgres) = &servers.postgres {
                command.env(POSTGRES_URL, postgres.url());
            }
            if let Some(redis) = &servers.redis {
                command.env(REDIS_URL, redis.url());
            }
            let outcome = run::run(&mut command)?;
            table.push(&example.name, outcome, started.elapsed());
        }
        print!("\n{table}");
        Ok(Outcome::passed_if(table.all_passed()))
    }

    /// The examples to run, in alphabetical order.
    fn choose<'a>(&self, metadata: &'a Metadata) -> Result<Vec<&'a Package>> {
        let mut examples: Vec<_> =
            metadata.members().filter(|package| package.is_under("examples")).collect();
        examples.sort_by(|a, b| a.name.cmp(&b.name));
        // A gate that runs nothing would pass for the wrong reason.
        if examples.is_empty() {
            bail!("there are no packages under examples/");
        }
        let Some(name) = &self.name else {
            return Ok(examples);
        };
        match examples.iter().find(|example| example.name == *name) {
            Some(example) => Ok(vec![*example]),
            None => {
                let names: Vec<_> = examples.iter().map(|e| e.name.as_str()).collect();
                let names = names.join(", ");
                let message = format!("there is no example `{name}`; there are: {names}");
                Err(Usage::error(message))
            }
        }
    }

    /// Builds them.
    fn build(&self, chosen: &[&Package]) -> Result<Built> {
        let built = if self.with_tests {
            Built::all()
        } else {
            let release = self.release.then_some("--release");
            let packages = chosen.iter().flat_map(|example| ["-p", example.name.as_str()]);
            Built::of(release.into_iter().chain(packages))
        };
        built.context("the examples do not build")
    }

    fn arguments(&self) -> Vec<&str> {
        let store = self.store.iter().flat_map(|url| ["--store", url]);
        store.chain(self.rest.iter().map(String::as_str)).collect()
    }
}

fn heading(example: &Package) -> String {
    match &example.description {
        Some(description) => format!("{}: {description}", example.name),
        None => example.name.clone(),
    }
}

#[cfg(test)]
mod tests;
