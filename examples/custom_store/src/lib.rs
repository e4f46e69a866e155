//! An event store in one file: about the smallest that is durable and keeps the contract.
//!
//! One line of JSON per append, written and flushed to the disk before it is acknowledged;
//! all events in memory as well, so that reads are simple. A line that was cut off by a
//! crash was never acknowledged, and opening the file takes it away.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use es_core::{
    AppendRequest, Capabilities, Conflict, ContentType, Direction, Durability, Envelope, Error,
    ErrorKind, EventId, EventStore, EventType, Head, IdempotencyClash, LogId, Metadata, NewEvent,
    PageStream, Payload, Position, Read, Receipt, Recorded, Result, Schema, StreamId, Tag,
    Timestamp, Version,
};
use futures_util::stream;
use tokio::sync::watch;

/// An event store in one file. One process at a time may have it open.
#[derive(Debug)]
pub struct FileStore {
    path: PathBuf,
    log: LogId,
    inner: Mutex<Inner>,
    head: watch::Sender<Position>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    /// Everything in order. A read takes a copy of the pointer, an append a new vector only
    /// if somebody still reads the old one.
    events: Arc<Vec<Recorded>>,
    /// The index of the first event of each append.
    starts: Vec<usize>,
    /// A write failed, and nobody knows what the file ends with.
    broken: bool,
}

impl FileStore {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// `Fault` when it cannot be opened, read or locked.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let fault = |error| Error::fault("the file of the store cannot be opened", error);
        let (path, mut options) = (path.as_ref().to_owned(), OpenOptions::new());
        let file = options.read(true).append(true).create(true).open(&path).map_err(fault)?;
        file.try_lock().map_err(|error| Error::fault("the file is in use", error))?;
        let mut inner = Inner { file, events: Arc::default(), starts: Vec::new(), broken: false };
        let log = inner.load().map_err(fault)?;
        let head = watch::Sender::new(inner.end());
        Ok(Self { path, log, inner: Mutex::new(inner), head })
    }

    fn append_now(&self, request: AppendRequest) -> Result<Receipt> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let ids: Vec<_> = request.events().map(|(_, event)| event.id).collect();
        if let Some(known) = inner.events.iter().position(|event| ids.contains(&event.id)) {
            return inner.repeat(self.log, &request, known).map(Receipt::as_replay);
        }
        let recorded = inner.record(request)?;
        inner.write(&recorded)?;
        let receipt = receipt(self.log, &recorded);
        inner.take_in(recorded);
        self.head.send_replace(inner.end());
        Ok(receipt)
    }
}

impl Inner {
    fn end(&self) -> Position {
        Position::new(self.events.len() as u64)
    }

    /// Reads all whole lines and cuts off what is behind them.
    fn load(&mut self) -> io::Result<LogId> {
        let mut text = Vec::new();
        self.file.read_to_end(&mut text)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.file.set_len(whole as u64)?;
        self.file.seek(SeekFrom::End(0))?;
        let mut lines = text[..whole].split_inclusive(|byte| *byte == b'\n');
        let Some(first) = lines.next() else {
            let log = LogId::generate();
            serde_json::to_writer(&mut self.file, &log)?;
            self.file.write_all(b"\n")?;
            self.file.sync_all()?;
            return Ok(log);
        };
        let log = serde_json::from_slice(first)?;
        for line in lines {
            let events: Vec<Line> = serde_json::from_slice(line)?;
            self.take_in(events.into_iter().map(from_line).collect());
        }
        Ok(log)
    }

    /// The first receipt again, if the log has just this append.
    fn repeat(&self, log: LogId, request: &AppendRequest, known: usize) -> Result<Receipt> {
        let next = self.starts.partition_point(|start| *start <= known);
        let end = self.starts.get(next).copied().unwrap_or(self.events.len());
        let earlier = &self.events[self.starts[next - 1]..end];
        let same = |((stream, new), old): ((&StreamId, &NewEvent), &Recorded)| {
            *stream == old.stream
                && new.id == old.id
                && new.same_content(&old.schema, &old.payload, &old.tags)
        };
        if earlier.len() == request.event_count() && request.events().zip(earlier).all(same) {
            return Ok(receipt(log, earlier));
        }
        let known = &self.events[known];
        Err(IdempotencyClash::new(known.id, known.position).into())
    }

    /// Checks the version and gives each event its place and time.
    fn record(&self, request: AppendRequest) -> Result<Vec<Recorded>> {
        let last = self.events.last().map_or(Timestamp::EPOCH, |event| event.recorded_at);
        let (now, mut position) = (Timestamp::now().max(last), self.end().get());
        let mut recorded = Vec::new();
        for write in request.into_parts().0 {
            let end = self.events.iter().rfind(|event| event.stream == write.stream);
            let mut version = end.map(|event| event.version);
            if !write.expected.admits(version) {
                return Err(Conflict::new(write.stream, write.expected, version).into());
            }
            for event in write.events {
                position += 1;
                let next = version.map_or(Version::FIRST, Version::next);
                let (stream, place) = (write.stream.clone(), Position::new(position));
                recorded.push(Envelope::record(event, stream, next, place, now).into());
                version = Some(next);
            }
        }
        Ok(recorded)
    }

    /// Acknowledges nothing that is not on the disk. After an error nobody knows how much
    /// is there, so the outcome is unknown, and nothing more is taken.
    fn write(&mut self, recorded: &[Recorded]) -> Result<()> {
        let broken = "a write to the file failed: open the store again";
        if self.broken {
            return Err(Error::new(ErrorKind::Unavailable, broken));
        }
        let lines: Vec<Line> = recorded.iter().map(to_line).collect();
        let mut text = serde_json::to_vec(&lines).map_err(|e| Error::fault("not JSON", e))?;
        text.push(b'\n');
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        self.broken = written.is_err();
        written.map_err(|e| Error::new(ErrorKind::OutcomeUnknown, broken).with_source(e))
    }

    fn take_in(&mut self, recorded: Vec<Recorded>) {
        self.starts.push(self.events.len());
        Arc::make_mut(&mut self.events).extend(recorded);
    }
}

fn receipt(log: LogId, recorded: &[Recorded]) -> Receipt {
    let (first, last) = (&recorded[0], &recorded[recorded.len() - 1]);
    let versions = vec![(last.stream.clone(), last.version)]; // one stream an append
    Receipt::new(log, first.position, last.position, first.recorded_at, versions)
}

/// One event in the file: its id, its schema, its place and time, and what it carries.
type Line = (
    (EventId, EventType, u32),
    (StreamId, Version, Position, Timestamp),
    (Metadata, Vec<Tag>, String, Vec<u8>),
);

fn to_line(event: &Recorded) -> Line {
    let e = event.envelope();
    let (content_type, bytes) = (e.payload.content_type().to_string(), e.payload.bytes().to_vec());
    (
        (e.id, e.schema.name.clone(), e.schema.version),
        (e.stream.clone(), e.version, e.position, e.recorded_at),
        (e.metadata.clone(), e.tags.iter().cloned().collect(), content_type, bytes),
    )
}

fn from_line(((id, name, schema), (stream, version, position, at), rest): Line) -> Recorded {
    let (metadata, tags, content_type, bytes) = rest;
    let content_type = ContentType::new(content_type).unwrap_or(ContentType::BINARY);
    let event =
        NewEvent::raw(Schema::new(name, schema), Payload::stored(content_type, bytes.into()));
    let event = event.with_id(id).with_metadata(metadata).with_tags(tags.into_iter().collect());
    Envelope::record(event, stream, version, position, at).into()
}

#[async_trait]
impl EventStore for FileStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::LEAST.with_time_bounds(true)
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        self.append_now(append)
    }

    fn read(&self, read: Read) -> PageStream {
        const PAGE: usize = 256;
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (events, mut next) = (Arc::clone(&inner.events), 0);
        let mut left = usize::try_from(read.limit.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        Box::pin(stream::iter(std::iter::from_fn(move || {
            let mut page = Vec::new();
            while next < events.len() && left > 0 && page.len() < PAGE {
                let at = match read.direction {
                    Direction::Forward => next,
                    Direction::Backward => events.len() - 1 - next,
                };
                next += 1;
                if read.covers(&events[at]) {
                    left -= 1;
                    page.push(events[at].clone());
                }
            }
            (!page.is_empty()).then_some(Ok(page))
        })))
    }

    async fn head(&self) -> Result<Head> {
        Ok(Head::new(self.log, *self.head.borrow()))
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        let mut head = self.head.subscribe();
        // The sender is part of the store, so it cannot be gone.
        let position = head.wait_for(|head| *head > after).await.map_or(after, |head| *head);
        Ok(Head::new(self.log, position))
    }

    async fn durability(&self) -> Result<Durability> {
        Ok(Durability::full("one file, fdatasync for each append"))
    }
}

impl fmt::Display for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file {}", self.path.display())
    }
}
