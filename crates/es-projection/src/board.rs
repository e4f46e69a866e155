//! What a worker shows to others while it works, and what others ask of it.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Instant,
};

use es_core::{Error, LogId, Owner, Position, Progress, StreamId, Timestamp, with_causes};
use tokio::sync::{oneshot, watch};

use crate::{State, Trouble, runner::Retried, status::Rate};

/// What is asked of a worker, until something else is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Run,
    Pause,
    Stop,
}

/// What is asked of a worker once.
#[derive(Debug)]
pub(crate) enum Command {
    /// To handle the parked events of this stream, or of all.
    Retry { stream: Option<StreamId>, reply: oneshot::Sender<Retried> },
    /// To give up the parked event at this position; answers whether there was one.
    Skip { position: Position, reason: String, reply: oneshot::Sender<bool> },
}

/// What a worker shows.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) state: State,
    pub(crate) log: Option<LogId>,
    /// Everything up to here is handled, parked, or none of its business.
    pub(crate) position: Position,
    /// Up to here it would know that after a crash.
    pub(crate) saved: Position,
    /// When that was saved.
    pub(crate) saved_at: Option<Timestamp>,
    pub(crate) epoch: u64,
    pub(crate) owner: Option<Owner>,
    /// The parked events, by stream.
    pub(crate) parked: HashMap<StreamId, BTreeSet<Position>>,
    /// How many events were handled since the start.
    pub(crate) handled: u64,
    pub(crate) rate: Rate,
    pub(crate) trouble: Option<Trouble>,
    /// Whether it is failing right now, and tries again.
    pub(crate) is_retrying: bool,
    /// When the position moved last, or the work began.
    pub(crate) moved_at: Instant,
    /// Since when, at the latest, there is something that it wants and has not got on with: by
    /// the clock that nobody sets. `None` while nothing is known of such.
    pub(crate) behind_since: Option<Instant>,
}

impl View {
    fn new() -> Self {
        Self {
            state: State::Stopped,
            log: None,
            position: Position::START,
            saved: Position::START,
            saved_at: None,
            epoch: 0,
            owner: None,
            parked: HashMap::new(),
            handled: 0,
            rate: Rate::new(Instant::now()),
            trouble: None,
            is_retrying: false,
            moved_at: Instant::now(),
            behind_since: None,
        }
    }

    /// How many events are parked.
    pub(crate) fn parked_count(&self) -> u64 {
        self.parked.values().map(|positions| positions.len() as u64).sum()
    }
}

/// Where a worker shows what it does. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Board(Arc<watch::Sender<View>>);

impl Board {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(View::new())))
    }

    pub(crate) fn view(&self) -> watch::Ref<'_, View> {
        self.0.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<View> {
        self.0.subscribe()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut View)) {
        self.0.send_modify(change);
    }

    pub(crate) fn state(&self, state: State) {
        self.0.send_if_modified(|view| std::mem::replace(&mut view.state, state) != state);
    }

    /// Takes note that there is something that it wants behind `position`, if it still stands
    /// there; nobody is woken for that.
    pub(crate) fn is_behind(&self, position: Position, now: Instant) {
        self.0.send_if_modified(|view| {
            if view.position == position {
                view.behind_since.get_or_insert(now);
            }
            false
        });
    }

    /// Shows what went wrong, and that it is tried again.
    pub(crate) fn trouble(&self, error: &(dyn std::error::Error + 'static)) {
        let trouble = Trouble::new(with_causes(error), Timestamp::now());
        self.change(|view| {
            view.trouble = Some(trouble);
            view.is_retrying = true;
        });
    }

    /// Shows that everything ends here, and why.
    pub(crate) fn end(&self, state: State, error: Option<&Error>) {
        let trouble = error.map(|error| Trouble::new(with_causes(error), Timestamp::now()));
        self.change(|view| {
            view.state = state;
            view.is_retrying = false;
            view.trouble = trouble.or(view.trouble.take());
        });
    }

    /// Shows that a parked event of `stream` no longer is.
    pub(crate) fn released(&self, stream: &StreamId, position: Position) {
        self.change(|view| {
            if let Some(positions) = view.parked.get_mut(stream) {
                positions.remove(&position);
                if positions.is_empty() {
                    view.parked.remove(stream);
                }
            }
        });
    }

    /// Shows what was committed, but for what was released.
    pub(crate) fn committed(&self, progress: &Progress, handled: usize) {
        let now = Instant::now();
        self.change(|view| {
            for letter in &progress.parked {
                view.parked.entry(letter.stream.clone()).or_default().insert(letter.position);
            }
            view.saved = progress.position;
            view.saved_at = Some(Timestamp::now());
            view.moved(progress.position, now);
            view.handled += handled as u64;
            view.rate.add(handled as u64, now);
            view.is_retrying = false;
        });
    }
}

impl View {
    pub(crate) fn moved(&mut self, position: Position, now: Instant) {
        if position > self.position {
            self.position = position;
        }
        self.gets_on(now);
    }

    /// It gets on from now on, or is not to blame for having stood still.
    pub(crate) fn gets_on(&mut self, now: Instant) {
        (self.moved_at, self.behind_since) = (now, None);
    }
}
