//! `cargo xtask ci`: the gate. Its steps, their order, and the closing table.
//!
//! Cheap steps come first. The tests come last, so that the closing lines of
//! their runner stand near the end of the output.

use std::time::Instant;

use anyhow::Result;

use crate::args::{Args, Usage};
use crate::run::{self, Outcome};
use crate::table::Table;
use crate::{docs, examples, features, schema, test, tidy};

/// The name to ask for it with, and what it does.
type Step = (&'static str, fn() -> Result<Outcome>);

const STEPS: [Step; 8] = [
    ("fmt", fmt),
    ("tidy", tidy::all),
    ("clippy", clippy),
    ("docs", docs::all),
    ("features", features::all),
    ("examples", examples::all),
    ("schema", schema::check),
    ("test", || test::all(&[])),
];

pub(crate) fn verb(mut args: Args) -> Result<Outcome> {
    let only = args.option("--only")?;
    args.finish()?;
    match only {
        None => Ok(gate(STEPS)),
        Some(name) => Ok(gate([find(&name)?])),
    }
}

/// Runs the steps until one fails.
fn gate(steps: impl IntoIterator<Item = Step>) -> Outcome {
    let mut table = Table::new("step");
    let mut failed = None;
    for (name, run) in steps {
        println!("\n== {name} ==");
        let started = Instant::now();
        let outcome = run().unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            Outcome::Failed(1)
        });
        table.push(name, outcome, started.elapsed());
        if let Outcome::Failed(code) = outcome {
            failed = Some((name, code));
            break;
        }
    }
    print!("\n{table}");
    match failed {
        None => {
            println!("ci: passed");
            Outcome::Passed
        }
        Some((name, code)) => {
            println!("ci: the step `{name}` failed; `cargo xtask ci --only {name}` runs just it");
            Outcome::Failed(code)
        }
    }
}

fn find(name: &str) -> Result<Step> {
    STEPS.into_iter().find(|step| step.0 == name).ok_or_else(|| {
        let names = STEPS.map(|(name, _)| name);
        let names = names.join(", ");
        Usage::error(format!("there is no step `{name}`; there are: {names}"))
    })
}

fn fmt() -> Result<Outcome> {
    run::run(&mut run::cargo(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<Outcome> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--all-features"];
    run::run(run::cargo(arguments).args(["--", "-D", "warnings"]))
}

#[cfg(test)]
mod tests;
