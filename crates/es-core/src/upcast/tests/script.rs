//! A store that is told what to hold and how to fail, and the upcasters of these tests.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use futures_util::stream;
use serde_json::{Value, json};

use crate::{
    AppendRequest, Backend, Capabilities, Direction, Durability, Envelope, Error, ErrorKind, Event,
    EventStore, EventType, Head, Layer, LogId, NewEvent, PageStream, Payload, Position, Read,
    Receipt, Recorded, Result, Schema, Store, StreamId, Tag, Timestamp, Upcasters, Version,
};

/// The newest forms of these tests.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Newest {
    Opened(Value),
    Deposited(Value),
    Withdrawn(Value),
}

impl Event for Newest {
    const SCHEMAS: &'static [Schema] = &[
        Schema::from_static("opened", 2),
        Schema::from_static("deposited", 3),
        Schema::from_static("withdrawn", 1),
    ];

    fn schema(&self) -> &'static Schema {
        match self {
            Self::Opened(_) => &Self::SCHEMAS[0],
            Self::Deposited(_) => &Self::SCHEMAS[1],
            Self::Withdrawn(_) => &Self::SCHEMAS[2],
        }
    }

    fn encode(&self) -> Result<Payload> {
        let (Self::Opened(value) | Self::Deposited(value) | Self::Withdrawn(value)) = self;
        Payload::json(value)
    }

    fn decode(schema: &Schema, payload: &Payload) -> Result<Self> {
        let value = payload.to_json().map_err(|e| Error::undecodable(schema, e))?;
        match Self::SCHEMAS.iter().position(|known| known == schema) {
            Some(0) => Ok(Self::Opened(value)),
            Some(1) => Ok(Self::Deposited(value)),
            Some(_) => Ok(Self::Withdrawn(value)),
            None => Err(Error::unknown_event(schema, Self::SCHEMAS)),
        }
    }
}

/// One of each kind of step:
///
/// | old form | becomes |
/// |---|---|
/// | `founded` 1 | `created` 1 |
/// | `created` 1 | `opened` 1, which becomes `opened` 2; `created` 9 is not known |
/// | `deposited` 1, 2 | `deposited` 2, 3; the payload counts its changes |
/// | `moved` 1 | as its payload says: a list of `w`, `d`, `o` (an old `deposited` 1), `v` (`viewed`) and `x` (undeclared) |
/// | `viewed` 1 | nothing; `viewed` 2 is not known |
/// | `audited`, all versions | nothing |
/// | `spoilt` 1 | an error |
pub(super) fn upcasters() -> Upcasters {
    Upcasters::builder()
        .current::<Newest>()
        .rename(("founded", 1), ("created", 1))
        .rename(("created", 1), ("opened", 1))
        .change_json(("opened", 1), count)
        .change_json(("deposited", 1), count)
        .change_json(("deposited", 2), count)
        .split_json(
            ("moved", 1),
            [("withdrawn", 1), ("deposited", 3), ("deposited", 1), ("viewed", 1)],
            |payload| {
                let parts = payload.as_str().ok_or("no text")?.chars();
                Ok(parts.map(|part| (part_schema(part), json!({ "part": part }))).collect())
            },
        )
        .drop(("viewed", 1))
        .drop_all(EventType::from_static("audited"))
        .change_json(("spoilt", 1), |_| Err("it is spoilt".into()))
        .rename(("spoilt", 2), ("withdrawn", 1))
        .build()
        .unwrap()
}

fn count(mut payload: Value) -> Result<Value, crate::BoxError> {
    let changes = payload["changes"].as_u64().unwrap_or(0);
    payload["changes"] = json!(changes + 1);
    Ok(payload)
}

pub(super) fn part_schema(part: char) -> Schema {
    match part {
        'w' => ("withdrawn", 1).into(),
        'd' => ("deposited", 3).into(),
        'o' => ("deposited", 1).into(),
        'v' => ("viewed", 1).into(),
        _ => ("undeclared", 1).into(),
    }
}

pub(super) fn stream(key: &str) -> StreamId {
    StreamId::new("account", key).unwrap()
}

/// A log that was written by older programs, and what became of the calls on it.
pub(super) struct Script {
    log: LogId,
    events: Mutex<Vec<Recorded>>,
    /// How many events a page holds.
    pub(super) page: usize,
    /// The reads that were asked for.
    pub(super) reads: Mutex<Vec<Read>>,
    /// The appends that came, none of which is written.
    pub(super) appends: Mutex<Vec<AppendRequest>>,
    /// After how many events the next reads fail; the last first.
    pub(super) fail_after: Mutex<Vec<usize>>,
}

impl Script {
    pub(super) fn new(page: usize) -> Arc<Self> {
        Arc::new(Self {
            log: LogId::generate(),
            events: Mutex::default(),
            page,
            reads: Mutex::default(),
            appends: Mutex::default(),
            fail_after: Mutex::default(),
        })
    }

    /// A script of these events, in one stream.
    pub(super) fn of(events: &[(&'static str, u32, Value)]) -> Arc<Self> {
        let script = Self::new(3);
        for (name, version, payload) in events {
            script.put("a", Schema::from_static(name, *version), payload, &[]);
        }
        script
    }

    /// Writes an event as an older program did.
    pub(super) fn put(&self, key: &str, schema: Schema, payload: &Value, tags: &[Tag]) {
        let mut events = self.events.lock().unwrap();
        let stream = stream(key);
        let before = events.iter().filter(|event| event.stream == stream).count();
        let version = Version::after(None, before as u64 + 1).unwrap();
        let position = Position::new(events.len() as u64 + 1);
        let event = NewEvent::raw(schema, Payload::json(payload).unwrap())
            .with_tags(tags.iter().cloned().collect());
        let at = Timestamp::EPOCH;
        events.push(Envelope::record(event, stream, version, position, at).into());
    }

    /// The handle that reads this through [`upcasters`].
    pub(super) fn upcast(self: &Arc<Self>) -> Store {
        let backend: Backend = Arc::clone(self) as Backend;
        Store::from_backend(upcasters().layer(backend))
    }

    pub(super) fn events(&self) -> Vec<Recorded> {
        self.events.lock().unwrap().clone()
    }

    /// How many reads there were.
    pub(super) fn read_count(&self) -> usize {
        self.reads.lock().unwrap().len()
    }
}

#[async_trait]
impl EventStore for Script {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        self.appends.lock().unwrap().push(append);
        Err(Error::new(ErrorKind::Unsupported, "a script cannot be written to"))
    }

    fn read(&self, read: Read) -> PageStream {
        let mut events: Vec<_> = self.events().into_iter().filter(|e| read.covers(e)).collect();
        if read.direction == Direction::Backward {
            events.reverse();
        }
        events.truncate(read.limit.map_or(usize::MAX, |limit| limit.try_into().unwrap()));
        let fails = self.fail_after.lock().unwrap().pop();
        events.truncate(fails.unwrap_or(usize::MAX));
        let mut pages: Vec<_> = events.chunks(self.page).map(|page| Ok(page.to_vec())).collect();
        if fails.is_some() {
            pages.push(Err(Error::new(ErrorKind::Unavailable, "the script says so")));
        }
        self.reads.lock().unwrap().push(read);
        Box::pin(stream::iter(pages))
    }

    async fn head(&self) -> Result<Head> {
        let position = Position::new(self.events.lock().unwrap().len() as u64);
        Ok(Head::new(self.log, position))
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        let head = self.head().await?;
        if head.position <= after {
            std::future::pending::<()>().await;
        }
        Ok(head)
    }

    async fn durability(&self) -> Result<Durability> {
        Ok(Durability::volatile("a script"))
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a script")
    }
}
