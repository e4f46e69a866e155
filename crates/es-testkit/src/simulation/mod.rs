//! Programs that are killed and started again, at every point at which that makes a difference.
//!
//! *Hazard.* Between two writes of a program (an append and a mail, an event and its rows) it may
//! be killed. What it does when it starts again is seldom tried, since no test meets that moment.
//! *Mechanism.* Whatever a program writes with goes through its [`Process`], which counts. It dies
//! behind a write of the test's choice, before the reply gets through: its future is dropped, and
//! whatever tasks it leaves can no longer reach anything. Then it is started again on what it left.
//! *Why that is enough.* Where nothing is written between two moments, whoever comes next finds
//! the same at both. So there are as many moments to try as there are writes.
//! *Limits.* Only the program is killed: what a store was told is kept. For servers that are
//! killed see `docs/testing-your-backend.md`. Where tasks write side by side, what is tried is the
//! order that came about; a runtime of one thread and a paused clock repeat it.

#![allow(
    clippy::future_not_send,
    reason = "a test awaits it where it stands, and then its closures may hold what is not Send"
)]

mod mortal;
mod ports;
mod process;
#[cfg(test)]
mod tests;

use std::{cell::RefCell, panic::AssertUnwindSafe, pin::pin};

use es_core::{BoxError, panic_text, with_causes};
use fastrand::Rng;
use futures_util::{
    FutureExt,
    future::{Either, select},
};

pub use mortal::Mortal;
pub use process::Process;

/// Kills a program and starts it again, and looks at what came of it.
///
/// A simulation is told how to make a *world* (what outlives the program: stores, files, a list
/// of mails that were sent), the *program*, which does its work from whatever state it finds and
/// ends, and a *check* of the world behind that. The program reaches the world through
/// [`Process::guard`] and [`Process::effect`].
///
/// ```
/// use es_core::{Append, EventId, ExpectedVersion, NewEvent, Payload, Read, Schema, Store, StreamId};
/// use es_store_memory::MemoryStore;
/// use es_testkit::Simulation;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> es_core::Result<()> {
/// let alice = StreamId::new("account", "alice")?;
/// let (first, second) = (EventId::new(), EventId::new());
/// let tried = Simulation::everywhere(
///     async || Store::new(MemoryStore::new()),
///     async |process, log: &Store| {
///         let log = process.store(log);
///         for id in [first, second] {
///             let event = NewEvent::raw(Schema::from_static("paid", 1), Payload::json(&10)?);
///             // Without an id of its own, the first would be appended by each start.
///             let event = event.with_id(id);
///             log.append(Append::to(alice.clone(), ExpectedVersion::Any).event(event)).await?;
///         }
///         Ok(())
///     },
///     async |log| {
///         let events = log.read(Read::stream(alice.clone())).into_vec().await.unwrap();
///         assert_eq!(events.len(), 2);
///     },
/// )
/// .await;
/// assert_eq!(tried, 2, "it was killed behind each of its writes");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Simulation {
    seed: u64,
    rounds: u32,
    crashes: u32,
}

impl Simulation {
    /// Lets the program run to its end; then, for each write that it made, in a world of its own,
    /// kills it behind that write and lets it run to its end once more. Gives the number of those
    /// writes.
    ///
    /// # Panics
    /// When the program or the check does, or the program fails; it says behind which write the
    /// program was killed. When the program writes nothing through its process: that would prove
    /// nothing.
    pub async fn everywhere<W>(
        world: impl AsyncFn() -> W,
        program: impl AsyncFn(Process, &W) -> Result<(), BoxError>,
        check: impl AsyncFn(&W),
    ) -> u64 {
        let trial = Trial { world, program, check };
        let writes = trial.undisturbed().await;
        for write in 1..=writes {
            trial.run("", [write]).await;
        }
        writes
    }

    /// Kills the program at random, so that it is killed again while it recovers: in 100 rounds,
    /// each in a world of its own, up to 3 times, and then lets it run to its end. The same seed
    /// gives the same choices.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self { seed, rounds: 100, crashes: 3 }
    }

    /// How many worlds there are; the first has the seed of the simulation, and each the next.
    #[must_use]
    pub const fn rounds(mut self, rounds: u32) -> Self {
        self.rounds = rounds;
        self
    }

    /// How often the program is killed in each world at most.
    #[must_use]
    pub const fn crashes(mut self, crashes: u32) -> Self {
        self.crashes = crashes;
        self
    }

    /// Kills the program at random, so that it is killed while it recovers as well. Gives how often
    /// it was killed.
    ///
    /// # Panics
    /// As [`Simulation::everywhere`]; it also says which seed repeats the round.
    pub async fn at_random<W>(
        self,
        world: impl AsyncFn() -> W,
        program: impl AsyncFn(Process, &W) -> Result<(), BoxError>,
        check: impl AsyncFn(&W),
    ) -> u64 {
        let trial = Trial { world, program, check };
        let writes = trial.undisturbed().await;
        let mut killed = 0;
        for round in 0..u64::from(self.rounds) {
            let seed = self.seed.wrapping_add(round);
            let mut random = Rng::with_seed(seed);
            let deaths = random.u32(1..=self.crashes.max(1));
            let deaths = (0..deaths).map(|_| random.u64(1..=writes));
            let again = format!(" (Simulation::seeded({seed}).rounds(1) repeats it)");
            killed += trial.run(&again, deaths).await;
        }
        killed
    }
}

/// What is tried, in one world after the other.
struct Trial<M, P, C> {
    world: M,
    program: P,
    check: C,
}

impl<W, M, P, C> Trial<M, P, C>
where
    M: AsyncFn() -> W,
    P: AsyncFn(Process, &W) -> Result<(), BoxError>,
    C: AsyncFn(&W),
{
    /// The number of writes of a program that nobody kills.
    async fn undisturbed(&self) -> u64 {
        let world = (self.world)().await;
        let process = Process::default();
        self.live(&process, &world).await;
        (self.check)(&world).await;
        let writes = process.writes();
        assert!(writes > 0, "the program wrote nothing through its process: see Process::guard");
        writes
    }

    /// One world, in which the program is killed behind these writes, one life after the other,
    /// and then is not. Gives how often it was killed; where that fails, what happened is told.
    async fn run(&self, again: &str, deaths: impl IntoIterator<Item = u64>) -> u64 {
        let killed = RefCell::new(Vec::new());
        let lives = async {
            let world = (self.world)().await;
            for death in deaths {
                let process = Process::new(Some(death));
                self.live(&process, &world).await;
                killed.borrow_mut().extend(process.killed_behind());
            }
            self.live(&Process::default(), &world).await;
            (self.check)(&world).await;
        };
        let outcome = AssertUnwindSafe(lives).catch_unwind().await;
        let killed = killed.into_inner();
        if let Err(panic) = outcome {
            let (killed, text) = (killed.join(", then behind "), panic_text(&*panic));
            panic!("killed behind {killed}, and started again{again}: {text}");
        }
        killed.len() as u64
    }

    /// One life of the program. At its end, whatever it has left running reaches nothing more.
    async fn live(&self, process: &Process, world: &W) {
        let alive = process.while_alive((self.program)(process.clone(), world));
        let died = process.death();
        if let Either::Left((Err(error), _)) = select(pin!(alive), pin!(died)).await {
            panic!("the program failed: {}", with_causes(&*error));
        }
        process.kill();
    }
}
