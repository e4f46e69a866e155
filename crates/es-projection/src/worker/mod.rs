//! The task behind one subscriber: claims its checkpoint, takes chunks from a feed, handles
//! them, and does what it is asked in between.
//!
//! Here: the loop and its ends. How a checkpoint is claimed is in `claim`, how events are
//! handled in `batch`, what becomes of those that are not in `park`, how progress is
//! saved whatever fails in `save`, which slices are worked on here in `room`, and how it is
//! seen meanwhile that it lives in `alive`.

mod alive;
mod batch;
mod claim;
mod park;
mod room;
mod save;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use es_core::{
    Checkpoint, Envelope, Error, ErrorKind, LogId, Observation, Owner, Position, Recorded, Store,
    SubscriberName, Timestamp, panic_text, with_causes,
};
use futures_util::FutureExt;
use tokio::{
    select,
    sync::{mpsc, watch},
    time::{Instant, sleep, sleep_until},
};
use tracing::{Instrument, error, info, warn};

use crate::{
    Policy, Scope, State,
    board::{Board, Command, Order},
    engine::Engine,
    feed::{Chunk, Feeds, Reader},
    observe::Watched,
    policy::pause,
    slices::{Share, Signs, Slice},
};
use room::excess;

/// Chunks that are taken together, at most, while few of their events are wanted.
const CHUNKS_AT_ONCE: usize = 64;

/// What is to be done, as it was registered.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) name: &'static str,
    pub(crate) version: u32,
    /// The name that its progress is kept under.
    pub(crate) subscriber: SubscriberName,
    /// That of the whole, of which it may be a slice.
    pub(crate) whole: SubscriberName,
    pub(crate) slice: Option<Slice>,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) scope: Scope,
    pub(crate) policy: Policy,
    pub(crate) batch: usize,
    pub(crate) board: Board,
}

impl Job {
    /// The same, shown on a board of its own.
    pub(crate) fn apart(&self) -> Self {
        Self { board: Board::new(), ..self.clone() }
    }

    /// Whether the event is its business.
    pub(crate) fn wants(&self, envelope: &Envelope) -> bool {
        self.slice.is_none_or(|slice| slice.covers(&envelope.stream)) && self.scope.covers(envelope)
    }
}

/// What all workers of a runner share.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) store: Store,
    pub(crate) feeds: Arc<Feeds>,
    pub(crate) owner: Owner,
    pub(crate) timing: Timing,
    /// Whether everything is done anew beside what serves.
    pub(crate) is_rebuild: bool,
    /// Whether whoever is at work is replaced, whatever the lease says.
    pub(crate) takes_over: bool,
}

/// How often what is done that nothing else causes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// After which time a position that moved over nothing wanted is saved.
    pub(crate) quiet: Duration,
    /// After which time the checkpoint is touched, so that others see that somebody is alive.
    pub(crate) heartbeat: Duration,
    /// After which time without progress a worker is stuck.
    pub(crate) stuck_after: Duration,
    /// How long another owner's checkpoint must have been still before it is taken over;
    /// `None` to take over at once.
    pub(crate) lease: Option<Duration>,
}

/// The owner of the checkpoint of a projection that is applied in appends.
pub(crate) fn inline_owner() -> Owner {
    Owner::new("inline")
}

/// The error of a runner that meets one.
pub(crate) fn applied_inline(subscriber: &SubscriberName) -> Error {
    let message = format!(
        "{subscriber} is applied inline, in the appends: no runner works on it; `replay` it to \
         give it back to runners"
    );
    Error::new(ErrorKind::Invalid, message)
}

/// Why a worker ends.
#[derive(Debug)]
pub(crate) enum End {
    /// It has reached the position that it was to reach.
    Reached,
    /// It was asked to.
    Asked,
    /// Another process is to have this slice.
    GivenUp,
    /// Another owner has taken over.
    Fenced(Error),
    /// Trying again does not mend it.
    Failed(Error),
}

impl End {
    /// The error behind it, if it is not what was wanted.
    pub(crate) fn into_error(self) -> Option<Error> {
        match self {
            Self::Reached | Self::Asked | Self::GivenUp => None,
            Self::Fenced(error) | Self::Failed(error) => Some(error),
        }
    }

    /// The kind of the error behind it, likewise.
    fn error_type(&self) -> Option<&'static str> {
        match self {
            Self::Reached | Self::Asked | Self::GivenUp => None,
            Self::Fenced(error) | Self::Failed(error) => Some(error.kind().as_str()),
        }
    }
}

/// Whatever else happens is an end.
type Flow<T> = Result<T, End>;

pub(crate) struct Worker {
    job: Arc<Job>,
    around: Arc<Surroundings>,
    orders: watch::Receiver<Order>,
    commands: mpsc::Receiver<Command>,
    /// What slices this process works on, while others work on the rest.
    share: Option<Arc<Share>>,
    /// Whether its slice is counted there.
    is_counted: bool,
    /// What was seen of the owners of its checkpoint.
    signs: Signs,
    /// Where it is to end.
    until: Option<Position>,
    checkpoint: Checkpoint,
    /// Everything up to here is handled; saved or not.
    cursor: Position,
    saved_at: Instant,
    /// Events up to here are history.
    history: Position,
    /// When somebody was at work before.
    alive_at: Option<Timestamp>,
    /// How many events it handles at once, for now.
    size: usize,
    /// Whether it has claimed its checkpoint before.
    has_claimed: bool,
}

/// Claims and works until the end.
pub(crate) async fn run(
    job: Arc<Job>,
    around: Arc<Surroundings>,
    orders: watch::Receiver<Order>,
    commands: mpsc::Receiver<Command>,
    share: Option<Arc<Share>>,
    until: Option<Position>,
) -> End {
    // Of no log, and never saved: a claim replaces it.
    let (subscriber, owner) = (job.subscriber.clone(), around.owner.clone());
    let checkpoint = Checkpoint::first(subscriber, LogId::generate(), owner);
    let cursor = Position::START;
    let saved_at = Instant::now();
    let history = Position::START;
    let size = job.batch.max(1);
    let mut worker = Worker {
        job,
        around,
        orders,
        commands,
        share,
        is_counted: false,
        signs: Signs::default(),
        until,
        checkpoint,
        cursor,
        saved_at,
        history,
        alive_at: None,
        size,
        has_claimed: false,
    };
    let end = worker.supervised().await;
    worker.give_back();
    worker.show(&end);
    end
}

impl Worker {
    /// A panic of ours (one of a handler's is caught closer to it) ends neither the worker
    /// nor the others: it claims anew, so whatever it held is fenced, and goes on from what
    /// is saved.
    async fn supervised(&mut self) -> End {
        let mut attempt = 0;
        loop {
            let session = AssertUnwindSafe(self.session()).catch_unwind().await;
            let panic = match session {
                Ok(Ok(())) => {
                    self.hand_over().await;
                    return End::Reached;
                }
                Ok(Err(End::Asked)) => {
                    self.hand_over().await;
                    return End::Asked;
                }
                Ok(Err(End::GivenUp)) => {
                    self.hand_over().await;
                    self.give_back();
                    continue;
                }
                // With leases, whoever lost its place stands by for the next chance.
                Ok(Err(End::Fenced(error)))
                    if self.around.timing.lease.is_some() && !self.around.takes_over =>
                {
                    warn!(subscriber = %self.job.subscriber, %error, "another owner has taken over");
                    self.give_back();
                    continue;
                }
                Ok(Err(end)) => return end,
                Err(panic) => panic,
            };
            attempt += 1;
            let text = format!("the worker panicked: {}", panic_text(&*panic));
            error!(subscriber = %self.job.subscriber, "{text}");
            self.job.board.trouble(&Error::new(ErrorKind::Fault, text));
            // Else it would wait for room that it takes up itself.
            self.give_back();
            let time = pause(Duration::from_millis(100), Duration::from_secs(10), attempt);
            if self.rest(time).await.is_err() {
                return End::Asked;
            }
        }
    }

    async fn session(&mut self) -> Flow<()> {
        let head = self.claim().await?;
        let is_live = self.cursor >= head.position;
        self.job.board.state(if is_live { State::Live } else { State::CatchingUp });
        let mut reader = None;
        loop {
            if self.until.is_some_and(|until| self.cursor >= until) {
                return self.save().await;
            }
            let order = *self.orders.borrow_and_update();
            match order {
                Order::Run => {}
                Order::Pause => {
                    reader = None;
                    self.paused().await?;
                    continue;
                }
                Order::Stop => {
                    self.save().await?;
                    return Err(End::Asked);
                }
            }
            let log = self.checkpoint.log;
            let reader = reader.get_or_insert_with(|| self.around.feeds.reader(log, self.cursor));
            self.turn(reader).await?;
        }
    }

    /// Does the next thing that there is to do.
    async fn turn(&mut self, reader: &mut Reader) -> Flow<()> {
        let due = self.due();
        let excess = excess(self.share.clone(), self.job.slice);
        select! {
            biased;
            order = self.orders.changed() => order.map_err(|_| End::Asked),
            command = self.commands.recv() => self.obey(command).await,
            () = excess => self.give_up().await,
            () = sleep_until(due) => self.save_due().await,
            chunk = reader.next(self.cursor) => match chunk {
                Ok(chunk) => self.take(reader, &chunk).await,
                Err(error) => Err(End::Failed(again(&error))),
            },
        }
    }

    /// Handles the chunk, and with it those that are there already while the events that
    /// are wanted do not fill a batch: far behind the batches are big, near the end they are
    /// what has come.
    async fn take(&mut self, reader: &mut Reader, chunk: &Chunk) -> Flow<()> {
        let mut events = Vec::new();
        self.wanted(chunk, self.cursor, &mut events);
        let (mut up_to, mut is_end) = (chunk.up_to, chunk.is_end);
        let mut broken = chunk.broken.clone();
        for _ in 1..CHUNKS_AT_ONCE {
            let is_enough = events.len() >= self.job.batch || broken.is_some();
            if is_enough || self.until.is_some_and(|until| up_to >= until) {
                break;
            }
            // An error comes again when nothing is left.
            let Ok(Some(chunk)) = reader.take(up_to) else { break };
            // The chunk may come from another feed, and begin before what is there already.
            self.wanted(&chunk, up_to, &mut events);
            (up_to, is_end) = (chunk.up_to, chunk.is_end);
            broken = chunk.broken.clone();
        }
        if let Some(broken) = &broken {
            up_to = Position::new(broken.position.get().saturating_sub(1)).max(self.cursor);
        }
        let mut is_done = true;
        if events.is_empty() {
            self.cursor = up_to;
            let now = std::time::Instant::now();
            self.job.board.change(|view| view.moved(up_to, now));
        } else {
            is_done = self.watched(&events, up_to).await?;
        }
        if let Some(broken) = broken.filter(|_| is_done) {
            is_done = self.meet(&broken).await?;
        }
        if !is_done {
            reader.rewind();
            return Ok(());
        }
        self.job.board.state(if is_end { State::Live } else { State::CatchingUp });
        Ok(())
    }

    /// Handles the events in a span of their own, and says whether all of them.
    async fn watched(&mut self, events: &[Recorded], up_to: Position) -> Flow<bool> {
        let (job, around) = (Arc::clone(&self.job), Arc::clone(&self.around));
        let is_history = events.last().is_some_and(|event| self.is_history(event));
        let observer = around.store.observer();
        let position = job.board.view().position;
        job.board.is_behind(position, std::time::Instant::now());
        let watched = Watched::begin(&job, observer, events, up_to, is_history);
        let end = self.work(events, up_to).instrument(watched.span.clone()).await;
        watched.end(end.as_ref().err().and_then(End::error_type));
        if let Err(End::Fenced(_)) = &end {
            self.take_less();
        }
        end
    }

    /// Tells whoever measures.
    fn tell(&self, observation: impl FnOnce(&str) -> Observation<'_>) {
        if let Some(observer) = self.around.store.observer() {
            observer.observe(&observation(self.job.subscriber.as_str()));
        }
    }

    /// Takes what is wanted of a chunk, behind `cursor`.
    fn wanted(&self, chunk: &Chunk, cursor: Position, events: &mut Vec<Recorded>) {
        let job = &self.job;
        let wanted = chunk.events.iter().filter(|event| {
            event.position > cursor && !event.part.is_dropped() && job.wants(event)
        });
        events.extend(wanted.cloned());
    }

    /// Waits until it may work again.
    async fn paused(&mut self) -> Flow<()> {
        self.save().await?;
        let was = self.job.board.view().state;
        self.job.board.state(State::Paused);
        while *self.orders.borrow_and_update() == Order::Pause {
            let due = self.due();
            let excess = excess(self.share.clone(), self.job.slice);
            select! {
                biased;
                order = self.orders.changed() => order.map_err(|_| End::Asked)?,
                command = self.commands.recv() => self.obey(command).await?,
                () = excess => self.give_up().await?,
                () = sleep_until(due) => self.save_due().await?,
            }
        }
        // It has not stood still, it was made to.
        let now = std::time::Instant::now();
        self.job.board.change(|view| {
            view.state = was;
            view.gets_on(now);
        });
        Ok(())
    }

    async fn obey(&mut self, command: Option<Command>) -> Flow<()> {
        match command {
            None => Err(End::Asked),
            Some(Command::Retry { stream, reply }) => {
                let retried = self.retry(stream).await?;
                let _ = reply.send(retried); // whoever asked may have left
                Ok(())
            }
            Some(Command::Skip { position, reason, reply }) => {
                let was_there = self.skip(position, reason).await?;
                let _ = reply.send(was_there); // likewise
                Ok(())
            }
        }
    }

    /// Saves where it is and ends, so that another process goes on with this slice.
    async fn give_up(&mut self) -> Flow<()> {
        self.save().await?;
        info!(subscriber = %self.job.subscriber, position = %self.cursor, "given up to another process");
        Err(End::GivenUp)
    }

    /// Waits for so long, or until it is asked to stop.
    async fn rest(&mut self, time: Duration) -> Flow<()> {
        let stop = self.orders.wait_for(|order| *order == Order::Stop);
        select! {
            biased;
            _ = stop => Err(End::Asked),
            () = sleep(time) => Ok(()),
        }
    }

    fn show(&self, end: &End) {
        let (subscriber, board) = (&self.job.subscriber, &self.job.board);
        match end {
            End::Reached | End::Asked | End::GivenUp => {
                info!(%subscriber, position = %self.cursor, "stopped");
                board.end(State::Stopped, None);
            }
            End::Fenced(error) => {
                warn!(%subscriber, %error, "another owner has taken over");
                board.end(State::Fenced, Some(error));
            }
            End::Failed(error) => {
                if error.kind() == ErrorKind::LogDiverged {
                    self.tell(|subscriber| Observation::Diverged { subscriber });
                }
                error!(%subscriber, position = %self.cursor, error = %with_causes(error), "stopped by an error");
                board.end(State::Failed, Some(error));
            }
        }
    }
}

/// The same error for one more subscriber of a feed that ended with it.
fn again(error: &Arc<Error>) -> Error {
    match error.diverged() {
        Some(diverged) => Error::from(diverged.clone()),
        None => Error::new(error.kind(), error.to_string()),
    }
    .with_source(SharedError(Arc::clone(error)))
}

/// An error that several subscribers met, as a cause.
#[derive(Debug)]
struct SharedError(Arc<Error>);

impl std::fmt::Display for SharedError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the log cannot be followed")?;
        match std::error::Error::source(&*self.0) {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SharedError {}
