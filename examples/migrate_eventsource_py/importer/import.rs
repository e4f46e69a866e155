//! The import: rows in, batches out.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context, Result, bail};
use eventsource::{
    Append, ErrorKind, Receipt, Store,
    postgres::tokio_postgres::{Client, IsolationLevel},
};

use crate::{
    BadRow, RawRow, Report, Source,
    batch::{Arrival, Batch},
};

/// How many rows are asked for at once.
const PAGE: usize = 1_000;
/// How often an append is tried that fails for a while.
const TRIES: u32 = 20;

/// How to import.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether to go on with other streams behind a bad row. If not, everything before it is
    /// imported and nothing behind it.
    pub keep_going: bool,
}

/// Takes all rows of `source` into `store`.
///
/// It needs memory for each stream (its name and some bytes), and for a page of rows.
///
/// # Errors
/// What the source or the log fails with. A bad row is no error but in the report.
///
/// # Cancel safety
/// What was written stays; running it again goes on.
pub async fn import(
    store: &Store,
    client: &mut Client,
    source: &dyn Source,
    options: Options,
) -> Result<Report> {
    let reading = client.build_transaction().read_only(true);
    let reading = reading.isolation_level(IsolationLevel::RepeatableRead).start().await?;
    reading.batch_execute(&format!("DECLARE import CURSOR FOR {}", source.query())).await?;

    let mut import = Import { store, options, streams: HashMap::new(), report: Report::default() };
    let mut batch = Batch::default();
    loop {
        let rows = reading.query(&format!("FETCH {PAGE} FROM import"), &[]).await?;
        for row in &rows {
            let Some(arrival) = import.look_at(source, &RawRow::read(row)?) else { continue };
            if !batch.takes(&arrival) {
                import.write(std::mem::take(&mut batch)).await?;
            }
            batch.push(arrival);
            if import.is_over() {
                break;
            }
        }
        if rows.len() < PAGE || import.is_over() {
            import.write(batch).await?;
            return Ok(import.report);
        }
    }
}

struct Import<'a> {
    store: &'a Store,
    options: Options,
    /// By the name that the source gives them.
    streams: HashMap<String, Stream>,
    report: Report,
}

#[derive(Default)]
struct Stream {
    version: u64,
    tenant: Option<String>,
    is_held: bool,
}

impl Import<'_> {
    fn is_over(&self) -> bool {
        !self.options.keep_going && !self.report.bad.is_empty()
    }

    /// What is to be written for the row, if anything is.
    fn look_at(&mut self, source: &dyn Source, row: &RawRow) -> Option<Arrival> {
        if self.is_over() {
            return None;
        }
        let name = row.stream();
        let stream = self.streams.entry(name.clone()).or_default();
        if stream.is_held {
            self.report.held += 1;
            return None;
        }
        match arrival(source, row, stream) {
            Ok(arrival) => Some(arrival),
            Err(why) => {
                stream.is_held = true;
                self.report.bad.push(BadRow { key: row.to_string(), why: format!("{why:#}") });
                None
            }
        }
    }

    /// Writes a batch whole; where the log refuses it, event by event.
    async fn write(&mut self, batch: Batch) -> Result<()> {
        match self.settled(|| batch.append()).await {
            Ok(None) => {}
            Ok(Some(receipt)) if receipt.replayed => self.report.known += batch.len(),
            Ok(Some(_)) => self.report.imported += batch.len(),
            Err(error) if is_about_the_events(error.kind()) => {
                for arrival in batch.into_arrivals() {
                    self.write_one(arrival).await?;
                }
            }
            Err(error) => return Err(error).context("the log takes nothing"),
        }
        Ok(())
    }

    /// Writes one event, unless the log has it. What an earlier run wrote in other batches is
    /// no repetition of this append, so it is looked for by its id.
    async fn write_one(&mut self, arrival: Arrival) -> Result<()> {
        let held = self.streams.get(&arrival.source).is_some_and(|stream| stream.is_held);
        if self.is_over() {
            return Ok(());
        }
        if held {
            self.report.held += 1;
            return Ok(());
        }
        let why = match self.store.find(arrival.event.id).await? {
            Some(there) if arrival.is(&there) => {
                self.report.known += 1;
                return Ok(());
            }
            Some(there) => {
                let (stream, version) = (&there.stream, there.version);
                format!("the log has another event of this id, {stream} version {version}")
            }
            None => match self.settled(|| Some(arrival.append())).await {
                Ok(_) => {
                    self.report.imported += 1;
                    return Ok(());
                }
                Err(error) if is_about_the_events(error.kind()) => error.to_string(),
                Err(error) => return Err(error).context("the log takes nothing"),
            },
        };
        self.streams.entry(arrival.source).or_default().is_held = true;
        self.report.bad.push(BadRow { key: arrival.key, why });
        Ok(())
    }

    /// Appends until it is known what became of it. The events have their ids, so trying
    /// again is safe, also where the outcome is not known.
    async fn settled(
        &self,
        append: impl Fn() -> Option<Append>,
    ) -> eventsource::Result<Option<Receipt>> {
        for attempt in 1.. {
            let Some(append) = append() else { break };
            match self.store.append(append).await {
                Err(error) if attempt < TRIES && is_passing(&error) => {
                    tokio::time::sleep(Duration::from_millis(10 * u64::from(attempt))).await;
                }
                settled => return settled.map(Some),
            }
        }
        Ok(None)
    }
}

fn is_passing(error: &eventsource::Error) -> bool {
    error.is_temporary() || error.kind() == ErrorKind::OutcomeUnknown
}

/// Whether the log has refused just these events.
fn is_about_the_events(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Conflict | ErrorKind::IdempotencyClash | ErrorKind::Invalid)
}

/// The event that a row becomes, and the place that it must get.
fn arrival(source: &dyn Source, row: &RawRow, stream: &mut Stream) -> Result<Arrival> {
    let version = u64::try_from(row.version).ok().filter(|version| *version > 0);
    let version = version.with_context(|| format!("{} is no version", row.version))?;
    if version != stream.version + 1 {
        bail!("version {version} follows version {}", stream.version);
    }
    if stream.version > 0 && stream.tenant != row.tenant {
        let (first, now) = (&stream.tenant, &row.tenant);
        bail!("the tenant of the stream was {first:?} and is {now:?}");
    }
    let (id, event) = source.event(row)?;
    stream.version = version;
    stream.tenant.clone_from(&row.tenant);
    Ok(Arrival { key: row.to_string(), source: row.stream(), stream: id, version, event })
}
