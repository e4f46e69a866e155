//! Area `memory`: the memory store and the repository on it.

mod append;
mod command;
mod floor;
mod load;

pub(crate) use append::at_once;

use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::{Effort, measure::Row};

pub(crate) async fn measure(effort: Effort) -> anyhow::Result<Vec<Row>> {
    let mut rows = append::measure(effort).await?;
    rows.extend(command::measure(effort).await?);
    rows.extend(load::measure(effort).await?);
    Ok(rows)
}

/// Asks the other binary, whose allocator counts: counting would slow this one down.
pub(crate) fn bytes_held() -> anyhow::Result<Value> {
    let binary = std::env::current_exe()?.with_file_name("es-bench-bytes");
    let output = Command::new(&binary)
        .output()
        .with_context(|| format!("running {}: build all binaries of es-bench", binary.display()))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("es-bench-bytes did not print JSON")
}
