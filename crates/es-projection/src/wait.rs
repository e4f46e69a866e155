//! Reading one's own writes: waiting until a subscriber has seen an append.

use std::time::Duration;

use es_core::{
    CheckpointStore, DeadLetter, DeadLetterStore, Error, LogId, Position, Receipt, Result,
    StreamId, SubscriberName,
};
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    State,
    board::View,
    engine::Progresses,
    slices::{Layout, Phase, Slice},
    worker::Job,
};

/// How soon and how late a checkpoint is looked at again.
const POLL: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(100));

/// How many dead letters are looked at together.
const LETTERS: usize = 1_000;

/// Why waiting for a subscriber ended without its having handled the append.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// It was not there in time.
    #[error("{subscriber} was at position {position} when the time was over")]
    TimedOut {
        /// Who was waited for.
        subscriber: SubscriberName,
        /// How far it had got.
        position: Position,
    },
    /// An event of the append is parked: it has passed it and has not handled it.
    #[error("{subscriber} has parked the event at position {position} of {stream}")]
    Parked {
        /// Who was waited for.
        subscriber: SubscriberName,
        /// The stream that waits.
        stream: StreamId,
        /// Where the event is.
        position: Position,
    },
    /// Nobody works on it, so that waiting makes no sense.
    #[error("{subscriber} is {state}")]
    NotRunning {
        /// Who was waited for.
        subscriber: SubscriberName,
        /// What became of it.
        state: State,
    },
    /// The append was to another log than the one that it follows.
    #[error("the receipt is of log {receipt}, and {subscriber} follows log {followed}")]
    OtherLog {
        /// Who was waited for.
        subscriber: SubscriberName,
        /// The log that it follows.
        followed: LogId,
        /// The log of the receipt.
        receipt: LogId,
    },
    /// Asking for its progress has failed, or there is no such subscriber.
    #[error("its progress cannot be told")]
    Failed(#[source] Error),
}

/// Waits until a subscriber that another process runs has seen everything that `receipt`
/// tells of (P6): by looking at its checkpoint, or at those of all its slices. In the same
/// process, [`Running::wait_for`](crate::Running::wait_for) is quicker.
///
/// # Errors
/// [`WaitError`]; a subscriber that is not running is not noticed but by the time.
///
/// # Cancel safety
/// Safe: it changes nothing.
///
/// ```
/// # use es_core::{Append, BoxError, Event, ExpectedVersion, Position, Recorded, Store, StreamId};
/// # use es_projection::*;
/// # use es_store_memory::{MemoryReadModel, MemoryStore, MemoryTx, Table};
/// # #[derive(Event)]
/// # enum AccountEvent {
/// #     Deposited { cents: u64 },
/// # }
/// # const BALANCES: Table<String, u64> = Table::new("balances");
/// # struct Balances;
/// # impl Projection for Balances {
/// #     const NAME: &'static str = "balances";
/// #     type Event = AccountEvent;
/// #     type Tx = MemoryTx;
/// #     async fn apply(&self, event: &Recorded<AccountEvent>, tx: &mut MemoryTx) -> Result<(), BoxError> {
/// #         let AccountEvent::Deposited { cents } = event.event;
/// #         let account = event.stream.key().to_string();
/// #         tx.update(&BALANCES, account, |balance| Some(balance.unwrap_or(0) + cents))?;
/// #         Ok(())
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (store, model) = (Store::new(MemoryStore::new()), MemoryReadModel::new());
/// # let deposit = Append::to(StreamId::new("account", "alice")?, ExpectedVersion::Any)
/// #     .event(AccountEvent::Deposited { cents: 500 });
/// use std::time::Duration;
///
/// use es_core::SubscriberName;
///
/// let receipt = store.append(deposit).await?;
/// Runner::new(store).project(Balances, model.clone()).catch_up().await?;
///
/// // In another process, which has only the read model:
/// let name = SubscriberName::new("balances-v1")?;
/// wait_for(&model, &name, &receipt, Duration::from_secs(5)).await?;
/// # Ok(())
/// # }
/// ```
pub async fn wait_for<C>(
    checkpoints: &C,
    subscriber: &SubscriberName,
    receipt: &Receipt,
    within: Duration,
) -> Result<(), WaitError>
where
    C: CheckpointStore + DeadLetterStore,
{
    let deadline = moment_in(within);
    match from_outside(checkpoints, subscriber, receipt, deadline).await? {
        Some(slices) => all_slices(checkpoints, subscriber, slices, receipt, deadline).await,
        None => Ok(()),
    }
}

/// Waits for the checkpoints of all slices of `whole`.
async fn all_slices(
    store: &dyn Progresses,
    whole: &SubscriberName,
    count: u16,
    receipt: &Receipt,
    deadline: Instant,
) -> Result<(), WaitError> {
    for slice in Slice::all(count) {
        let subscriber = slice.subscriber(whole).map_err(WaitError::Failed)?;
        from_outside(store, &subscriber, receipt, deadline).await?;
    }
    Ok(())
}

/// Waits for one checkpoint. Says how many slices are to be waited for instead, if it turns
/// out to be in slices.
async fn from_outside(
    store: &dyn Progresses,
    subscriber: &SubscriberName,
    receipt: &Receipt,
    deadline: Instant,
) -> Result<Option<u16>, WaitError> {
    let mut interval = POLL.0;
    loop {
        let position = match look(store, subscriber, receipt).await? {
            Seen::All => return Ok(None),
            Seen::InSlices(count) => return Ok(Some(count)),
            Seen::UpTo(position) => position,
        };
        let now = Instant::now();
        if now >= deadline {
            return Err(WaitError::TimedOut { subscriber: subscriber.clone(), position });
        }
        sleep(interval.min(deadline - now)).await;
        interval = (interval * 2).min(POLL.1);
    }
}

enum Seen {
    All,
    UpTo(Position),
    InSlices(u16),
}

/// Looks whether the checkpoint is behind the append, and whether none of it is parked.
async fn look(
    store: &dyn Progresses,
    subscriber: &SubscriberName,
    receipt: &Receipt,
) -> Result<Seen, WaitError> {
    let known = store.checkpoint(subscriber).await.map_err(WaitError::Failed)?;
    let Some(known) = known else {
        return Ok(Seen::UpTo(Position::START));
    };
    check_log(subscriber, known.log, receipt)?;
    match Layout::of(&known) {
        Some(Layout { count, phase: Phase::Open }) => return Ok(Seen::InSlices(count)),
        // Rows may be cleared whose slices are still to be moved back.
        Some(_) => return Ok(Seen::UpTo(Position::START)),
        None => {}
    }
    if known.position < receipt.last {
        return Ok(Seen::UpTo(known.position));
    }
    let mut after = Position::new(receipt.first.get().saturating_sub(1));
    loop {
        let letters = store.dead_letters(subscriber, after, LETTERS).await;
        let letters = letters.map_err(WaitError::Failed)?;
        let is_of_it = |letter: &&DeadLetter| is_of(receipt, letter.position, &letter.stream);
        if let Some(letter) = letters.iter().find(is_of_it) {
            return Err(parked(subscriber, &letter.stream, letter.position));
        }
        match letters.last() {
            Some(last) if last.position < receipt.last => after = last.position,
            _ => return Ok(Seen::All),
        }
    }
}

/// Waits for a worker of this process, or of another one while this one stands by.
///
/// What a worker shows that is over may be behind a replay, or done by others by now: then, and
/// while it stands by, what is kept is looked at.
pub(crate) async fn in_process(
    job: &Job,
    receipt: &Receipt,
    deadline: Instant,
) -> Result<(), WaitError> {
    let subscriber = &job.subscriber;
    let mut views = job.board.watch();
    let mut interval = POLL.0;
    let is_there = |view: &View| view.position >= receipt.last && view.log.is_some();
    loop {
        let waited = views.wait_for(|view| {
            let is_other = view.log.is_some_and(|log| log != receipt.log);
            is_there(view) || is_other || view.state.is_over() || view.state == State::Standby
        });
        let over = match timeout_at(deadline, waited).await {
            Ok(Ok(view)) if view.state == State::Standby => None,
            Ok(Ok(view)) if view.state.is_over() => Some(view.state),
            Ok(Ok(view)) => return is_seen(subscriber, &view, receipt),
            _ => {
                let position = job.board.view().position;
                return Err(WaitError::TimedOut { subscriber: subscriber.clone(), position });
            }
        };
        let store = job.engine.progress();
        let position = match look(store, subscriber, receipt).await? {
            Seen::All => return Ok(()),
            Seen::InSlices(count) => {
                return all_slices(store, subscriber, count, receipt, deadline).await;
            }
            Seen::UpTo(position) => position,
        };
        if let Some(state) = over {
            return Err(WaitError::NotRunning { subscriber: subscriber.clone(), state });
        }
        let now = Instant::now();
        if now >= deadline {
            return Err(WaitError::TimedOut { subscriber: subscriber.clone(), position });
        }
        sleep(interval.min(deadline - now)).await;
        interval = (interval * 2).min(POLL.1);
    }
}

fn is_seen(subscriber: &SubscriberName, view: &View, receipt: &Receipt) -> Result<(), WaitError> {
    if let Some(log) = view.log {
        check_log(subscriber, log, receipt)?;
    }
    for (stream, _) in &receipt.versions {
        let positions = view.parked.get(stream).into_iter().flatten();
        let mut of_it = positions.filter(|position| is_of(receipt, **position, stream));
        if let Some(position) = of_it.next() {
            return Err(parked(subscriber, stream, *position));
        }
    }
    Ok(())
}

fn check_log(name: &SubscriberName, log: LogId, receipt: &Receipt) -> Result<(), WaitError> {
    if log == receipt.log {
        return Ok(());
    }
    let (subscriber, receipt) = (name.clone(), receipt.log);
    Err(WaitError::OtherLog { subscriber, followed: log, receipt })
}

/// Whether the event at `position` of `stream` was written by the append.
fn is_of(receipt: &Receipt, position: Position, stream: &StreamId) -> bool {
    let is_within = receipt.first <= position && position <= receipt.last;
    is_within && receipt.versions.iter().any(|(written, _)| written == stream)
}

fn parked(subscriber: &SubscriberName, stream: &StreamId, position: Position) -> WaitError {
    let (subscriber, stream) = (subscriber.clone(), stream.clone());
    WaitError::Parked { subscriber, stream, position }
}

/// The moment that lies so far ahead; one that no clock reaches is a year.
pub(crate) fn moment_in(time: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    Instant::now() + time.min(YEAR)
}
