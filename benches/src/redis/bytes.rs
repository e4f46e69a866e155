//! Bytes that the server holds per event, with few and with many events to a stream.

use anyhow::Context;
use eventsource::{EventId, prelude::*};
use fred::types::Value;
use serde_json::json;

use super::{Server, append::batch, floor::Floor, name};
use crate::{Effort, domain::account};

const EVENTS: u64 = 50_000;

pub(super) async fn measure(
    effort: Effort,
    server: &Server,
) -> anyhow::Result<Vec<serde_json::Value>> {
    // So many, or what is constant is no longer little beside them.
    let events = EVENTS / (effort.thrift / 4).max(1);
    let mut found = Vec::new();
    for of_a_stream in [1, 5, 100] {
        found.push(one(server, events, of_a_stream).await?);
    }
    Ok(found)
}

/// Events come one by one, as they do in life; each append costs an entry of the log.
async fn one(server: &Server, events: u64, of_a_stream: u64) -> anyhow::Result<serde_json::Value> {
    let log = name();
    let store = server.log(&log).await?;
    let floor = Floor::new(&server.url, &log, &store).await?;
    let before = used(&floor).await?;
    let streams = events / of_a_stream;
    let count = streams * of_a_stream;
    let mut record = 0;
    let mut tasks = Vec::new();
    for task in 0..32 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let mut bytes = 0;
            for number in (task..streams).step_by(32) {
                for call in 0..of_a_stream {
                    let events = batch(number * of_a_stream + call, 1)?;
                    // Position, time, id, version, flags, the length of the name, the name.
                    let head = 16 + size_of::<EventId>() + 7;
                    bytes += events
                        .iter()
                        .map(|event| {
                            head + event.schema.name.as_str().len() + event.payload.bytes().len()
                        })
                        .sum::<usize>();
                    let append = Append::to(account(number)?, ExpectedVersion::Any);
                    store.append(append.events(events)).await?;
                }
            }
            anyhow::Ok(bytes)
        }));
    }
    for task in tasks {
        record += task.await??;
    }
    let held = used(&floor).await?.saturating_sub(before) / count;
    let record = u64::try_from(record)? / count;
    let text = format!(
        "redis    bytes      {of_a_stream} events to a stream: {held} held per event, whose record \
         has {record}"
    );
    Ok(json!({
        "area": "redis", "workload": "bytes", "durability": server.durability,
        "params": { "events_per_stream": of_a_stream, "events": count },
        "bytes_per_event": held, "own_bytes_per_event": record, "text": text,
    }))
}

/// What the keys and values take, without what connections and buffers take.
async fn used(floor: &Floor) -> anyhow::Result<u64> {
    let stats = floor.call("MEMORY", vec!["STATS".into()]).await?.into_array();
    let of = |wanted: &str| {
        let at = stats.iter().position(|name| name.as_str().as_deref() == Some(wanted))?;
        stats.get(at + 1)?.as_u64()
    };
    let data = of("dataset.bytes").context("the server does not say what it holds")?;
    // Of the table of keys there is a part per database; ours is the first.
    let at = stats.iter().position(|name| name.as_str().as_deref() == Some("db.0"));
    let table = at
        .and_then(|at| stats.get(at + 1))
        .cloned()
        .map_or(0, |parts| parts.into_array().iter().filter_map(Value::as_u64).sum());
    Ok(data + table)
}
