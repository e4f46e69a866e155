//! The repository's own tools, run as `cargo xtask VERB`.
//!
//! Here: the table of verbs and the mapping of results to exit codes. What a
//! verb does lives in the module of its name, never here.

mod args;
mod bench;
mod built;
mod ci;
mod docs;
mod examples;
mod features;
mod metadata;
mod run;
mod schema;
mod services;
mod table;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::Result;

use args::{Args, Usage};
use run::Outcome;

const HELP: &str = "\
Usage: cargo xtask VERB [flags]

  examples [NAME] [--store URL] [--release] [-- args..]
      Build and run every example, or only NAME. The URL goes to each of them;
      args go to the one that is named. `--store postgres` and `--store redis` start
      a server.
  test [-- args..]
      Every test and doctest of the workspace, with the servers that they need.
      The args go to `cargo test`.
  bench [AREA] [--quick | --check] [--json FILE] [--plot DIR]
      Measure ours against the least code that does the same. The areas are `memory`,
      `sqlite`, `postgres`, `redis`, `projections`, `bus` and `telemetry`; without
      one, all. --check only shows that they still run.
  schema [--check | --accept]
      Whether events still look as the schema locks say, as the gate asks. With
      --check what is safe and not in a lock yet is told and passes; --accept
      writes it.
  docs
      Build the documentation of the crates and the guide (target/book), and follow
      every link in every document.
  tidy
      The rules of the repository that a compiler does not check.
  features
      Check every published crate with each of its features alone.
  ci [--only STEP]
      The gate: fmt, tidy, clippy, docs, features, examples, schema, test.
  help
      This text.
";

fn main() -> ExitCode {
    match dispatch() {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            eprintln!("error: {error:#}");
            if error.is::<Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

fn dispatch() -> Result<Outcome> {
    let mut args = Args::from_env()?;
    let verb = args.positional();
    let wants_help = args.flag("--help") | args.flag("-h");
    match verb.as_deref() {
        _ if wants_help => help(),
        None => {
            args.finish()?;
            help()
        }
        Some("help") => help(),
        Some("examples") => examples::verb(args),
        Some("test") => test::verb(args),
        Some("bench") => bench::verb(args),
        Some("schema") => schema::verb(args),
        Some("docs") => docs::verb(args),
        Some("tidy") => tidy::verb(args),
        Some("features") => features::verb(args),
        Some("ci") => ci::verb(args),
        Some(other) => {
            Err(Usage::error(format!("there is no verb `{other}`; `cargo xtask help` lists them")))
        }
    }
}

fn help() -> Result<Outcome> {
    print!("{HELP}");
    Ok(Outcome::Passed)
}
