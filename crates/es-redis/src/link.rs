//! A link to the server: one connection after the other, made anew when it breaks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{sync::watch, task::JoinHandle};

use crate::{
    Error, ErrorKind, RedisOptions, Result,
    driver::{Address, Connection, Keeper},
};

/// A link to the server. Dropping it closes the connection.
pub(crate) struct Link {
    state: watch::Receiver<State>,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    /// All connections before this number are to be given up. A number, because a request
    /// that comes late must not hit the connection after the one that it is about.
    given_up: watch::Sender<u64>,
    /// How many replies came, over all connections.
    replies: AtomicU64,
    /// When the first command was sent since the last reply, in microseconds behind `begun`;
    /// 0 where none was.
    asked: AtomicU64,
    begun: Instant,
}

impl Shared {
    fn new() -> Self {
        let (given_up, begun) = (watch::Sender::default(), Instant::now());
        Self { given_up, replies: AtomicU64::new(0), asked: AtomicU64::new(0), begun }
    }

    fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.begun).as_micros()).unwrap_or(u64::MAX)
    }
}

#[derive(Clone)]
enum State {
    Up(Connection, u64),
    Down(Error),
}

impl Link {
    /// Connects; the first try must succeed.
    pub(crate) async fn open(address: Address, options: RedisOptions) -> Result<Self> {
        let (connection, keeper) = address.connect(&options).await?;
        let (published, state) = watch::channel(State::Up(connection, 0));
        let shared = Arc::new(Shared::new());
        let link = Arc::clone(&shared);
        let keeper = Some(keeper);
        let task =
            tokio::spawn(async move { keep(address, options, keeper, published, link).await });
        Ok(Self { state, shared, task })
    }

    /// Begins to connect, and goes on until there is a connection.
    pub(crate) fn begin(address: Address, options: RedisOptions) -> Self {
        let not_yet = Error::new(ErrorKind::Unreachable, "there is no connection yet");
        let (published, state) = watch::channel(State::Down(not_yet));
        let shared = Arc::new(Shared::new());
        let link = Arc::clone(&shared);
        let task = tokio::spawn(async move { keep(address, options, None, published, link).await });
        Self { state, shared, task }
    }

    /// The connection, and its number; waits for one until `until`.
    pub(crate) async fn connection(&self, until: Instant) -> Result<(Connection, u64)> {
        let is_up = |state: &State| match state {
            State::Up(_, number) => *number >= *self.shared.given_up.borrow(),
            State::Down(_) => false,
        };
        if let state = self.state.borrow()
            && is_up(&state)
            && let State::Up(connection, number) = &*state
        {
            return Ok((connection.clone(), *number));
        }
        let mut state = self.state.clone();
        let up = state.wait_for(is_up);
        let waited = tokio::time::timeout_at(until.into(), up).await;
        match waited {
            Ok(Ok(state)) => {
                if let State::Up(connection, number) = &*state {
                    return Ok((connection.clone(), *number));
                }
            }
            Ok(Err(_)) => return Err(Error::new(ErrorKind::Unreachable, "the link is closed")),
            Err(_) => {}
        }
        Err(match &*self.state.borrow() {
            State::Down(error) => error.clone(),
            State::Up(..) => Error::new(ErrorKind::Unreachable, "there was no connection in time"),
        })
    }

    /// Waits, until `until` at most, for another connection than the one of this number.
    pub(crate) async fn other_than(&self, number: u64, until: Instant) {
        let mut state = self.state.clone();
        let other = state.wait_for(|state| !matches!(state, State::Up(_, at) if *at == number));
        // In time or not: whoever asks looks again.
        drop(tokio::time::timeout_at(until.into(), other).await);
    }

    /// Gives up the connection of this number, if it is still the one.
    pub(crate) fn reset(&self, number: u64) {
        self.shared.given_up.send_if_modified(|given_up| {
            let is_new = number >= *given_up;
            *given_up = (*given_up).max(number + 1);
            is_new
        });
    }

    /// How many replies came so far.
    pub(crate) fn replies(&self) -> u64 {
        self.shared.replies.load(Ordering::Relaxed)
    }

    /// Notes that a command is sent.
    pub(crate) fn asked(&self, at: Instant) {
        let (asked, at) = (&self.shared.asked, self.shared.micros(at).max(1));
        // Whoever is first stays, so that a look is enough for all others.
        if asked.load(Ordering::Relaxed) == 0 {
            let _ = asked.compare_exchange(0, at, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Notes that a reply came.
    pub(crate) fn replied(&self) {
        self.shared.replies.fetch_add(1, Ordering::Relaxed);
        self.shared.asked.store(0, Ordering::Relaxed);
    }

    /// For how long the connection has answered nobody although it was asked.
    pub(crate) fn silence(&self) -> Duration {
        match self.shared.asked.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            asked => {
                let now = self.shared.micros(Instant::now());
                Duration::from_micros(now.saturating_sub(asked))
            }
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Keeps a connection until the link is dropped; makes the first one where there is none.
async fn keep(
    address: Address,
    options: RedisOptions,
    mut kept: Option<Keeper>,
    published: watch::Sender<State>,
    shared: Arc<Shared>,
) {
    let mut number = 0;
    let mut given_up = shared.given_up.subscribe();
    loop {
        let begun = Instant::now();
        let is_first = kept.is_none();
        if let Some(mut keeper) = kept.take() {
            tokio::select! {
                () = keeper.broken() => {}
                // It fails when nobody is left to give it up: then this task ends as well.
                _ = given_up.wait_for(|given_up| *given_up > number) => {}
            }
            let broken = Error::new(ErrorKind::Unreachable, "the connection broke");
            published.send_replace(State::Down(broken));
            drop(keeper); // and with it goes whoever still waits for a reply
        }
        // A server that takes connections and breaks them at once is not asked in a loop.
        let mut tries = u32::from(!is_first && begun.elapsed() < options.longest_pause);
        kept = loop {
            if tries > 0 {
                tokio::time::sleep(pause(tries, options.longest_pause)).await;
            }
            match address.connect(&options).await {
                Ok((connection, keeper)) => {
                    if !is_first {
                        number += 1;
                        let redis = address.place();
                        tracing::info!(redis, tries, "connected to Redis again");
                    }
                    // The silence was that of the connection before.
                    shared.asked.store(0, Ordering::Relaxed);
                    published.send_replace(State::Up(connection, number));
                    break Some(keeper);
                }
                Err(error) => {
                    tracing::warn!(redis = address.place(), tries, error = %error, "cannot connect to Redis");
                    published.send_replace(State::Down(error));
                    tries = tries.saturating_add(1);
                }
            }
        };
    }
}

/// Longer each time, and never in step with others.
fn pause(tries: u32, longest: Duration) -> Duration {
    let upper = (longest / 50).saturating_mul(1 << tries.min(6)).min(longest);
    upper.mul_f64(0.5 + fastrand::f64() / 2.0)
}
