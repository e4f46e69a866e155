//! How many bytes the memory store holds per event, beside what the event itself has.
//! A binary of its own, because its allocator counts and that costs time.

mod domain;

use std::alloc;

use anyhow::Context;
use cap::Cap;
use domain::{AccountEvent, account};
use eventsource::{MemoryStore, prelude::*};

#[global_allocator]
static ALLOCATOR: Cap<alloc::System> = Cap::new(alloc::System, usize::MAX);

const STREAMS: u64 = 2_000;
const EVENTS_PER_STREAM: u64 = 50;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let store = Store::new(MemoryStore::new());
    let before = ALLOCATOR.allocated();
    let own = runtime.block_on(fill(&store))?;
    let held = u64::try_from(ALLOCATOR.allocated().saturating_sub(before))?;

    let events = STREAMS * EVENTS_PER_STREAM;
    let (held, own) = (held / events, own / events);
    let ratio = f64::from(u32::try_from(held)?) / f64::from(u32::try_from(own)?);
    let text = format!(
        "memory   bytes      {held} held per event, which has {own} of payload, names and ids: {ratio:.2}"
    );
    println!(
        "{}",
        serde_json::json!({
            "area": "memory", "workload": "bytes", "durability": "none: memory",
            "params": { "streams": STREAMS, "events": events },
            "bytes_per_event": held, "own_bytes_per_event": own, "ratio": ratio, "text": text,
        })
    );
    Ok(())
}

/// Appends event by event, stream after stream, and counts what the events themselves have.
async fn fill(store: &Store) -> anyhow::Result<u64> {
    let mut own = 0;
    for round in 0..EVENTS_PER_STREAM {
        for number in 0..STREAMS {
            let stream = account(number)?;
            let event = NewEvent::of(&AccountEvent::numbered(round * STREAMS + number))?;
            let ids = 16 + 16; // the event's and its correlation's
            let names = event.schema.name.as_str().len() + stream.to_string().len();
            own += u64::try_from(event.payload.bytes().len() + names + ids)?;
            let append = Append::to(stream, ExpectedVersion::Any).event(event);
            store.append(append).await.context("appending")?;
        }
    }
    Ok(own)
}
