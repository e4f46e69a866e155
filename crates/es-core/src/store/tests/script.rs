//! A store that gives scripted answers, one after another, and notes what it was asked.

use std::{
    collections::VecDeque,
    fmt::{self, Write as _},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use futures_util::{StreamExt, future, stream};
use uuid::Uuid;

use crate::{
    AppendRequest, Capabilities, Diverged, Durability, Envelope, Error, ErrorKind, EventStore,
    Head, LogId, NewEvent, PageStream, Payload, Position, Read, Receipt, Recorded, Result, Schema,
    Store, StreamId, Timestamp, Version,
};

/// What the store says next, and to which question.
#[derive(Debug)]
pub(super) enum Answer {
    Head(Result<Head>),
    Wait(Result<Head>),
    Read(Vec<Result<Vec<Recorded>>>),
    Append(Result<Receipt>),
}

#[derive(Debug)]
pub(super) struct Script {
    pub(super) can: Capabilities,
    answers: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<String>>,
    pub(super) appended: Mutex<Vec<AppendRequest>>,
}

impl Script {
    pub(super) fn new(answers: impl IntoIterator<Item = Answer>) -> Arc<Self> {
        Self::with(Capabilities::ALL, answers)
    }

    pub(super) fn with(can: Capabilities, answers: impl IntoIterator<Item = Answer>) -> Arc<Self> {
        Arc::new(Self {
            can,
            answers: Mutex::new(answers.into_iter().collect()),
            asked: Mutex::default(),
            appended: Mutex::default(),
        })
    }

    pub(super) fn store(self: &Arc<Self>) -> Store {
        Store::new(Arc::clone(self))
    }

    /// The questions so far, in short: `head`, `wait 3`, `read 3..5`.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The answer to a question; nothing when the script is over.
    fn answer(&self, question: String) -> Option<Answer> {
        self.asked.lock().unwrap().push(question);
        self.answers.lock().unwrap().pop_front()
    }
}

#[async_trait]
impl EventStore for Script {
    fn capabilities(&self) -> Capabilities {
        self.can
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        self.appended.lock().unwrap().push(append);
        match self.answer("append".into()) {
            Some(Answer::Append(receipt)) => receipt,
            other => panic!("not an answer to an append: {other:?}"),
        }
    }

    fn read(&self, read: Read) -> PageStream {
        let end = |bound: Option<Position>| bound.map_or(String::new(), |at| at.to_string());
        let mut question = format!("read {}..{}", end(read.after), end(read.until));
        if let Some(limit) = read.limit {
            write!(question, " limit {limit}").unwrap();
        }
        match self.answer(question) {
            Some(Answer::Read(pages)) => stream::iter(pages).boxed(),
            other => panic!("not an answer to a read: {other:?}"),
        }
    }

    async fn head(&self) -> Result<Head> {
        match self.answer("head".into()) {
            Some(Answer::Head(head)) => head,
            other => panic!("not an answer to the question for the head: {other:?}"),
        }
    }

    /// Sleeps for ever once the script is over.
    async fn wait(&self, after: Position) -> Result<Head> {
        match self.answer(format!("wait {after}")) {
            Some(Answer::Wait(head)) => head,
            None => future::pending().await,
            other => panic!("not an answer to a wait: {other:?}"),
        }
    }

    async fn durability(&self) -> Result<Durability> {
        Ok(Durability::volatile("a script"))
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("script")
    }
}

pub(super) fn head_at(position: u64) -> Head {
    Head::new(LogId::from_uuid(Uuid::from_u128(1)), Position::new(position))
}

pub(super) fn head(position: u64) -> Answer {
    Answer::Head(Ok(head_at(position)))
}

pub(super) fn wait(position: u64) -> Answer {
    Answer::Wait(Ok(head_at(position)))
}

/// Pages of events, given by their positions.
pub(super) fn pages<const N: usize>(pages: [&[u64]; N]) -> Answer {
    Answer::Read(pages.into_iter().map(|page| Ok(events(page))).collect())
}

/// The same, and then an error.
pub(super) fn pages_then<const N: usize>(pages: [&[u64]; N], error: Error) -> Answer {
    let pages = pages.into_iter().map(|page| Ok(events(page)));
    Answer::Read(pages.chain([Err(error)]).collect())
}

pub(super) fn events(positions: &[u64]) -> Vec<Recorded> {
    positions.iter().map(|position| event(*position, &Payload::json(position).unwrap())).collect()
}

/// The event at a position; its version is the same number.
pub(super) fn event(position: u64, payload: &Payload) -> Recorded {
    let event = NewEvent::raw(Schema::from_static("counted", 1), payload.clone());
    let stream = StreamId::new("counter", "c").unwrap();
    let version = Version::new(position).unwrap();
    let position = Position::new(position);
    Envelope::record(event, stream, version, position, Timestamp::EPOCH).into()
}

pub(super) fn busy() -> Error {
    Error::new(ErrorKind::Busy, "the queue is full")
}

pub(super) fn torn() -> Error {
    Error::new(ErrorKind::Fault, "the index is torn")
}

pub(super) fn is_replaced(error: &Error) -> bool {
    matches!(error.diverged(), Some(Diverged::Replaced { .. }))
}

pub(super) fn is_rolled_back(error: &Error) -> bool {
    matches!(error.diverged(), Some(Diverged::RolledBack { .. }))
}
