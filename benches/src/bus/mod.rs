//! Area `bus`: the bus in process against a channel, topics on Redis against bare commands.

mod local;
mod redis;

use serde_json::Value;

use crate::{Effort, measure::Row};

pub(crate) async fn measure(effort: Effort) -> anyhow::Result<(Vec<Row>, Vec<Value>)> {
    let (mut rows, mut others) = local::measure(effort).await?;
    let (more, beside) = redis::measure(effort).await?;
    rows.extend(more);
    others.extend(beside);
    Ok((rows, others))
}
