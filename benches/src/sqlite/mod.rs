//! Area `sqlite`: the store on a file against hand-written rusqlite on the same tables with
//! the same settings.

#![expect(clippy::future_not_send, reason = "a connection of rusqlite stays on its thread")]

mod append;
mod floor;
mod read;

use crate::{Effort, measure::Row};

/// What both sides commit with.
pub(crate) const DURABILITY: &str = "journal_mode=WAL, synchronous=FULL";

pub(crate) async fn measure(effort: Effort) -> anyhow::Result<Vec<Row>> {
    let mut rows = append::measure(effort).await?;
    rows.extend(read::measure(effort).await?);
    Ok(rows)
}
