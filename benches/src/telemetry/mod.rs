//! Area `telemetry`: the same work with and without telemetry. The floor is the same store
//! without an observer, a layer or a subscriber.

mod append;
mod mode;
mod project;

use serde_json::{Value, json};

use crate::{Effort, measure::Row};

/// On one thread, for which each mode sets its subscriber.
pub(crate) fn measure(effort: Effort) -> anyhow::Result<(Vec<Row>, Value)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut rows = append::measure(effort).await?;
        rows.extend(project::measure(effort).await?);
        let text = costs(&rows);
        Ok((rows, json!({ "area": "telemetry", "workload": "cost", "text": text })))
    })
}

/// What an event costs more, by the calls in the middle, and which part of a durable append
/// that is. The medians of calls tell it better than the rates: a call that a busy machine
/// put off for a millisecond does not count.
fn costs(rows: &[Row]) -> String {
    let is_durable = |row: &&Row| row.params["store"] == "sqlite";
    let durable: Vec<f64> = rows.iter().filter(is_durable).map(|row| row.floor.p50_us).collect();
    let durable_us = durable.iter().copied().fold(f64::INFINITY, f64::min);
    let mut text = format!("a durable append on SQLite takes {durable_us:.1} us in the middle\n");
    for row in rows.iter().filter(|row| !is_durable(row)) {
        let events = row.params["count"].as_f64().unwrap_or(1.0);
        let more_us = (row.ours.p50_us - row.floor.p50_us) / events;
        let share = more_us / durable_us * 100.0;
        let (workload, mode) = (row.workload, row.params["mode"].as_str().unwrap_or_default());
        let of = row.params["events"].as_str().unwrap_or("");
        let ns = more_us * 1_000.0;
        text.push_str(&format!(
            "{workload} {of:<7} {mode:<18} {ns:>6.0} ns more for each event, {share:.2} % of that\n"
        ));
    }
    text
}
