//! A runner at work, and what can be asked of it.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use es_core::{Error, ErrorKind, Receipt, Result};
use tokio::time::{Instant, timeout_at};

use super::{Runner, membership::Membership, seat::Seat};
use crate::{
    State, Status, WaitError,
    board::Order,
    observe::Watch,
    wait::{self, moment_in},
    worker::Surroundings,
};

/// A runner at work. Dropping it stops the workers at once: what they have not committed is
/// rolled back. [`Running::stop`] lets them finish what they have in hand.
///
/// A subscriber is asked for by the name of its projection (`orders`, which means the
/// highest version that runs) or by that of its progress (`orders-v2`). If it is in slices,
/// what is asked is asked of all that this process works on, or of one (`orders-v2.1of4`).
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
/// let running = Runner::new(store.clone()).project(Balances, model.clone()).start()?;
/// let receipt = store.append(deposit).await?;
/// running.wait_for("balances", &receipt, Duration::from_secs(5)).await?;
///
/// let status = running.status("balances").await?;
/// assert_eq!((status.handled, status.parked), (1, 0));
/// assert!(running.stop(Duration::from_secs(5)).await.aborted.is_empty());
/// # Ok(())
/// # }
/// ```
pub struct Running {
    pub(super) around: Arc<Surroundings>,
    pub(super) seats: Vec<Seat>,
    memberships: Vec<Membership>,
    _watch: Option<Watch>,
}

/// How stopping went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// The subscribers that were not done in time. What they had in hand is rolled back, but for
    /// what a reaction has done and for a commit that was already sent.
    pub aborted: Vec<String>,
}

impl Runner {
    /// Starts all workers and returns at once.
    ///
    /// # Errors
    /// What was wrong with a registration; `Unsupported` outside of a tokio runtime.
    pub fn start(mut self) -> Result<Running> {
        let around = self.surroundings()?;
        let mut memberships: Vec<Membership> = Vec::new();
        let mut seats = Vec::with_capacity(self.jobs.len());
        for job in &self.jobs {
            if memberships.last().is_none_or(|last| last.whole != job.whole) {
                memberships.extend(Membership::start(job, &around));
            }
            let membership = memberships.last().filter(|last| last.whole == job.whole);
            let share = membership.map(|membership| Arc::clone(&membership.share));
            seats.push(Seat::start(Arc::clone(job), &around, share));
        }
        let watch = around.store.observer().map(|observer| {
            Watch::start(self.jobs.clone(), Arc::clone(&around), self.watch_every, observer)
        });
        Ok(Running { around, seats, memberships, _watch: watch })
    }

    /// Works until `stop` returns (a signal, say) and then as [`Running::stop`] does.
    ///
    /// # Errors
    /// Those of [`Runner::start`].
    ///
    /// # Cancel safety
    /// Dropping the future stops the workers, each at its next await: a transaction that is under way
    /// is rolled back, or is committed whole. One that was claiming its place just then may fence
    /// a successor that was started at once, in this process.
    pub async fn run_until(
        self,
        stop: impl Future<Output = ()> + Send,
        within: Duration,
    ) -> Result<Stopped> {
        let running = self.start()?;
        stop.await;
        Ok(running.stop(within).await)
    }
}

impl Running {
    /// Lets a subscriber wait, once what it has in hand is committed.
    ///
    /// # Errors
    /// `NotFound` when there is none of that name.
    pub fn pause(&self, name: &str) -> Result<()> {
        self.seats(name)?.into_iter().for_each(|seat| seat.order(Order::Pause));
        Ok(())
    }

    /// Lets a subscriber work on, or again, if it has failed or was fenced. In the latter
    /// case it takes over from the other owner.
    ///
    /// # Errors
    /// `NotFound` when there is none of that name.
    pub fn resume(&self, name: &str) -> Result<()> {
        let seats = self.seats(name)?;
        let is_theirs = |m: &&Membership| seats.iter().any(|seat| seat.job.whole == m.whole);
        self.memberships.iter().filter(is_theirs).for_each(|m| m.resume(&self.around));
        seats.into_iter().for_each(|seat| seat.resume(&self.around));
        Ok(())
    }

    /// Waits until a subscriber has seen everything that `receipt` tells of, so that what
    /// was written can be read from its rows (P6). If it is in slices, all of them have seen
    /// it then, those of other processes too.
    ///
    /// # Errors
    /// [`WaitError`]: it was not done in `within`; it parked one of the events; it has
    /// stopped; the receipt is of another log.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn wait_for(
        &self,
        name: &str,
        receipt: &Receipt,
        within: Duration,
    ) -> Result<(), WaitError> {
        let deadline = moment_in(within);
        for seat in self.seats(name).map_err(WaitError::Failed)? {
            wait::in_process(&seat.job, receipt, deadline).await?;
        }
        Ok(())
    }

    /// What a subscriber is doing (P4).
    ///
    /// # Errors
    /// `NotFound` when there is none of that name. A log that cannot be asked is no error
    /// but told by the status.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn status(&self, name: &str) -> Result<Status> {
        let head = self.around.store.head().await;
        let seats = self.seats(name)?;
        let mut statuses = Vec::with_capacity(seats.len());
        for seat in &seats {
            statuses.push(self.around.report(&seat.job, head.as_ref()).await);
        }
        let status = match seats.as_slice() {
            [_] => statuses.pop(),
            [first, ..] => Status::of_slices(&first.job.whole, statuses),
            [] => None,
        };
        status.ok_or_else(|| unknown(name, &self.seats))
    }

    /// What all subscribers are doing, in the order in which they were registered.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn statuses(&self) -> Vec<Status> {
        let mut statuses: Vec<Status> = Vec::with_capacity(self.seats.len());
        for seat in &self.seats {
            let whole = &seat.job.whole;
            if statuses.last().is_none_or(|last| last.subscriber != *whole)
                && let Ok(status) = self.status(whole.as_str()).await
            {
                statuses.push(status);
            }
        }
        statuses
    }

    /// Lets the workers commit what they have in hand, save how far they have got, and end.
    /// Those that are not done in `within` are ended as they are.
    ///
    /// # Cancel safety
    /// The workers that are done stay so; the others go on with what they have in hand and
    /// end then.
    pub async fn stop(&self, within: Duration) -> Stopped {
        self.stop_by(moment_in(within)).await
    }

    /// Lets the workers handle everything that is in the log now, and then stops them as
    /// [`Running::stop`] does; all of it in `within`. Those that are paused or have ended
    /// or stand by are not waited for.
    ///
    /// # Errors
    /// Those of looking at the log; then nothing was stopped.
    ///
    /// # Cancel safety
    /// As of [`Running::stop`].
    pub async fn drain(&self, within: Duration) -> Result<Stopped> {
        let deadline = moment_in(within);
        let head = self.around.store.head().await?;
        for seat in &self.seats {
            let (orders, mut views) = (seat.orders(), seat.job.board.watch());
            let done = views.wait_for(|view| {
                let is_idle = match view.state {
                    // One that was told to go on shows that later.
                    State::Paused => *orders.borrow() == Order::Pause,
                    State::Standby => true,
                    state => state.is_over(),
                };
                is_idle || (view.log.is_some() && view.position >= head.position)
            });
            // Late or not, it is stopped next.
            let _ = timeout_at(deadline, done).await;
        }
        Ok(self.stop_by(deadline).await)
    }

    async fn stop_by(&self, deadline: Instant) -> Stopped {
        for seat in &self.seats {
            seat.order(Order::Stop);
        }
        let mut stopped = Stopped::default();
        for seat in &self.seats {
            let Some(mut task) = seat.take() else { continue };
            if timeout_at(deadline, &mut task).await.is_err() {
                task.abort();
                seat.job.board.end(State::Stopped, None);
                stopped.aborted.push(seat.job.subscriber.to_string());
            }
        }
        // Behind the workers: until they are done this process is at work.
        for membership in &self.memberships {
            let Some(mut task) = membership.stop() else { continue };
            if timeout_at(deadline, &mut task).await.is_err() {
                task.abort();
            }
        }
        stopped
    }

    /// Those that `name` means: one, or the slices of one projection.
    pub(super) fn seats(&self, name: &str) -> Result<Vec<&Seat>> {
        let exact = self.seats.iter().find(|seat| seat.job.subscriber == name);
        if let Some(seat) = exact {
            return Ok(vec![seat]);
        }
        let is_named = |seat: &&Seat| seat.job.name == name || seat.job.whole == name;
        let named = self.seats.iter().filter(is_named);
        let newest = named.max_by_key(|seat| seat.job.version);
        let whole = &newest.ok_or_else(|| unknown(name, &self.seats))?.job.whole;
        Ok(self.seats.iter().filter(|seat| seat.job.whole == *whole).collect())
    }
}

fn unknown(name: &str, seats: &[Seat]) -> Error {
    let known: Vec<_> = seats.iter().map(|seat| seat.job.subscriber.as_str()).collect();
    let message = format!("no subscriber is called {name:?}; there are {known:?}");
    Error::new(ErrorKind::NotFound, message)
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let states = self.seats.iter().map(|s| (&s.job.subscriber, s.job.board.view().state));
        f.debug_struct("Running").field("states", &states.collect::<Vec<_>>()).finish()
    }
}
