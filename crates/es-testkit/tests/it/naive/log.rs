//! The log: a vector behind a mutex.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use es_core::{
    AppendRequest, Capabilities, ConditionFailed, Conflict, Direction, Durability, Envelope,
    EventId, EventStore, ExpectedVersion, Head, IdempotencyClash, LogId, PageStream, Position,
    Read, Receipt, Recorded, Result, StreamId, TenantScope, Timestamp, Unless, Version,
};
use futures_util::{StreamExt, stream};
use tokio::sync::watch;

/// How many events a page has.
const PAGE: usize = 100;

#[derive(Debug)]
pub(crate) struct Naive {
    log: Arc<Mutex<Log>>,
    /// The position of the last event. Changed after the log, so whoever sees it moved can
    /// read up to there.
    end: watch::Sender<Position>,
}

#[derive(Debug)]
struct Log {
    id: LogId,
    events: Vec<Recorded>,
    appends: Vec<Receipt>,
}

impl Naive {
    pub(crate) fn new() -> Self {
        let log = Log { id: LogId::generate(), events: Vec::new(), appends: Vec::new() };
        Self { log: Arc::new(Mutex::new(log)), end: watch::Sender::new(Position::START) }
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap()
    }
}

#[async_trait]
impl EventStore for Naive {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL.with_shared(false)
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        let receipt = self.lock().append(append)?;
        self.end.send_if_modified(|end| {
            let moved = receipt.last > *end;
            *end = receipt.last.max(*end);
            moved
        });
        Ok(receipt)
    }

    fn read(&self, read: Read) -> PageStream {
        let log = Arc::clone(&self.log);
        let pages = async move {
            // The moment of the read: everything is taken at once.
            let found = log.lock().unwrap().find(&read);
            stream::iter(found.chunks(PAGE).map(|page| Ok(page.to_vec())).collect::<Vec<_>>())
        };
        stream::once(pages).flatten().boxed()
    }

    async fn head(&self) -> Result<Head> {
        Ok(self.lock().head())
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        let mut end = self.end.subscribe();
        // The condition is looked at before the first sleep and after each change.
        let grown = end.wait_for(|end| *end > after).await;
        grown.expect("the sender lives as long as the store");
        self.head().await
    }

    async fn durability(&self) -> Result<Durability> {
        Ok(Durability::volatile("a vector in memory"))
    }
}

impl Log {
    /// The order of the checks: a repetition is answered before anything else is looked
    /// at, then come the streams, then the conditions; and only then is anything written.
    fn append(&mut self, append: AppendRequest) -> Result<Receipt> {
        if let Some(first) = self.replay(&append)? {
            return Ok(first);
        }
        for write in append.streams() {
            self.check(&write.stream, write.expected)?;
        }
        for demand in append.required() {
            self.check(&demand.stream, demand.expected)?;
        }
        for unless in append.unless() {
            self.check_unless(&append, unless)?;
        }
        Ok(self.write(append))
    }

    /// The first receipt, if this append was made before; a clash, if its ids were taken
    /// in any other way; nothing, if all of its ids are new.
    fn replay(&self, append: &AppendRequest) -> Result<Option<Receipt>> {
        let Some(known) = append.events().find_map(|(_, event)| self.by_id(event.id)) else {
            return Ok(None);
        };
        let first = self.append_with(known.position);
        let recorded = self.events_of(first);
        let is_same = recorded.len() == append.event_count()
            && recorded.iter().zip(append.events()).all(|(recorded, (stream, event))| {
                recorded.id == event.id
                    && recorded.stream == *stream
                    && event.same_content(&recorded.schema, &recorded.payload, &recorded.tags)
            });
        if is_same {
            Ok(Some(first.clone().as_replay()))
        } else {
            Err(IdempotencyClash::new(known.id, known.position).into())
        }
    }

    fn check(&self, stream: &StreamId, expected: ExpectedVersion) -> Result<()> {
        let actual = self.version(stream);
        if expected.admits(actual) {
            Ok(())
        } else {
            Err(Conflict::new(stream.clone(), expected, actual).into())
        }
    }

    fn check_unless(&self, append: &AppendRequest, unless: &Unless) -> Result<()> {
        let mut boundary = Read::all().matching(unless.query.clone()).after(unless.after);
        boundary.tenants = match append.tenant() {
            Some(tenant) => TenantScope::One(tenant.clone()),
            None => TenantScope::Untenanted,
        };
        match self.find(&boundary).last() {
            None => Ok(()),
            Some(found) => {
                let query = unless.query.clone();
                Err(ConditionFailed::new(query, unless.after, found.position).into())
            }
        }
    }

    fn write(&mut self, append: AppendRequest) -> Receipt {
        // A clock that was set back does not turn back the log.
        let last = self.events.last().map_or(Timestamp::EPOCH, |event| event.recorded_at);
        let now = Timestamp::now().max(last);
        let first = next(self.head().position);
        let mut versions = Vec::new();
        for write in append.into_parts().0 {
            let mut version = self.version(&write.stream);
            for event in write.events {
                version = Version::after(version, 1);
                let position = next(self.head().position);
                let stream = write.stream.clone();
                let version = version.expect("a stream has a version once it has an event");
                let envelope = Envelope::record(event, stream, version, position, now);
                self.events.push(envelope.into());
            }
            versions.push((write.stream, version.expect("every stream has an event")));
        }
        let receipt = Receipt::new(self.id, first, self.head().position, now, versions);
        self.appends.push(receipt.clone());
        receipt
    }

    fn find(&self, read: &Read) -> Vec<Recorded> {
        let covered = self.events.iter().filter(|event| read.covers(event)).cloned();
        let mut found: Vec<_> = covered.collect();
        if read.direction == Direction::Backward {
            found.reverse();
        }
        let limit = read.limit.unwrap_or(u64::MAX);
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        found
    }

    fn head(&self) -> Head {
        let end = self.events.last().map_or(Position::START, |event| event.position);
        Head::new(self.id, end)
    }

    fn version(&self, stream: &StreamId) -> Option<Version> {
        let last = self.events.iter().rev().find(|event| event.stream == *stream);
        last.map(|event| event.version)
    }

    fn by_id(&self, id: EventId) -> Option<&Recorded> {
        self.events.iter().find(|event| event.id == id)
    }

    fn append_with(&self, position: Position) -> &Receipt {
        let append = self.appends.iter().find(|append| position <= append.last);
        append.expect("every event belongs to an append")
    }

    fn events_of(&self, append: &Receipt) -> Vec<&Recorded> {
        let range = append.first..=append.last;
        let events = self.events.iter();
        events.filter(|event| range.contains(&event.position)).collect()
    }
}

impl fmt::Display for Naive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("naive store")
    }
}

const fn next(position: Position) -> Position {
    Position::new(position.get() + 1)
}
