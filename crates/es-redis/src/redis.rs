//! The handle: commands, batches and scripts over one link.

use std::{
    collections::VecDeque,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tracing::Instrument;

use crate::{
    Command, Error, ErrorKind, RedisOptions, Reply, Result, Script,
    driver::Address,
    in_order::InOrder,
    trace,
    way::{Next, Route, Way},
};

/// Ten years: as far as a deadline is added up.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);

/// A Redis, through one connection that is made anew when it breaks. Cloning it copies the
/// handle; the connection closes with the last one.
///
/// Commands of any number of tasks share the connection and do not wait for one another.
/// None is ever sent twice: a reply that does not come is [`ErrorKind::Lost`], and only the
/// caller knows how to find out what became of its command. A command that was not sent
/// because there is no connection waits for one as long as it has time.
///
/// Commands that wait on the server, such as `XREAD BLOCK`, hold up all that follow them:
/// give them a connection of their own, by [`Redis::another`].
///
/// ```no_run
/// use es_redis::{Command, Redis, RedisOptions, Script};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let redis = Redis::connect("redis://localhost", RedisOptions::new()).await?;
/// redis.command(Command::new("SET").key("n").arg(1)).await?;
/// let twice = Script::new("#!lua\nreturn redis.call('INCRBY', KEYS[1], ARGV[1]) * 2");
/// assert_eq!(redis.command(twice.on(["n"]).arg(20)).await?.int("twice")?, 42);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Redis {
    inner: Arc<Inner>,
}

struct Inner {
    way: Way,
    room: Semaphore,
    address: Address,
    options: RedisOptions,
}

impl Redis {
    /// Connects to the server, the cluster or the sentinels at `url`: `redis://`,
    /// `redis-cluster://`, `redis-sentinel://host:port?sentinelServiceName=NAME`,
    /// `redis+unix:///path`, with more hosts as `?node=host:port&node=host:port`, and each
    /// with `rediss` for TLS.
    ///
    /// # Errors
    /// `Invalid` for a URL that makes no sense, `Refused` when the server does not let us
    /// in, `Unreachable` otherwise.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing open.
    pub async fn connect(url: &str, options: RedisOptions) -> Result<Self> {
        Self::open(Address::parse(url)?, options).await
    }

    /// Another connection to the same place, with the same options.
    ///
    /// # Errors
    /// Those of [`Redis::connect`].
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing open.
    pub async fn another(&self) -> Result<Self> {
        Self::open(self.inner.address.clone(), self.inner.options.clone()).await
    }

    async fn open(address: Address, options: RedisOptions) -> Result<Self> {
        let way = Way::open(address.clone(), options.clone()).boxed().await?;
        let room = Semaphore::new(options.in_flight.min(Semaphore::MAX_PERMITS));
        Ok(Self { inner: Arc::new(Inner { way, room, address, options }) })
    }

    /// Sends a command and waits for its reply, as long as the options say.
    ///
    /// # Errors
    /// `Lost` when it may have been carried out; `Unreachable` and `Busy` when it was not
    /// sent; `Refused` with what the server answered.
    ///
    /// # Cancel safety
    /// Dropping the future leaves it open whether the command is carried out.
    pub async fn command(&self, command: Command) -> Result<Reply> {
        self.command_within(command, self.inner.options.command_timeout).await
    }

    /// Sends a command and waits for its reply for `time` at most.
    ///
    /// # Errors
    /// Those of [`Redis::command`].
    ///
    /// # Cancel safety
    /// That of [`Redis::command`].
    pub async fn command_within(&self, command: Command, time: Duration) -> Result<Reply> {
        let until = Instant::now() + time.min(LONGEST);
        let acquired = tokio::time::timeout_at(until.into(), self.inner.room.acquire()).await;
        let Ok(Ok(_room)) = acquired else {
            return Err(no_room());
        };
        match (self.deliver(&command, until).await, &command.script) {
            // Nothing of it was run, so it is safe to send it again.
            (Err(error), Some(script)) if error.is_refused_as("NOSCRIPT") => {
                self.deliver(&script.whole(command.clone()), until).await
            }
            (answer, _) => answer,
        }
    }

    /// Sends commands one behind the other without waiting in between, and gives the result
    /// of each, in their order.
    ///
    /// It is no transaction: others come in between, and one may fail while its neighbours
    /// do not. When the connection breaks on the way, those that were carried out are the
    /// first ones; the others are `Lost` or `Unreachable`, and none is sent again.
    ///
    /// # Cancel safety
    /// That of [`Redis::command`], for each.
    pub async fn batch(&self, commands: &[Command]) -> Vec<Result<Reply>> {
        let mut answers = Vec::with_capacity(commands.len());
        self.each(commands, |answer| answers.push(answer)).await;
        answers
    }

    /// As [`Redis::batch`], and gives each result to `take` as soon as it and all before it
    /// are there, so that the work on the first ones is done while others are on their way.
    ///
    /// # Cancel safety
    /// That of [`Redis::batch`]; what `take` was given, it was given.
    pub async fn each(&self, commands: &[Command], mut take: impl FnMut(Result<Reply>) + Send) {
        let until = Instant::now() + self.inner.options.command_timeout.min(LONGEST);
        let most = self.inner.options.in_flight;
        let room = u32::try_from(commands.len().min(most)).unwrap_or(u32::MAX);
        let room = tokio::time::timeout_at(until.into(), self.inner.room.acquire_many(room)).await;
        let Ok(Ok(_room)) = room else {
            return commands.iter().for_each(|_| take(Err(no_room())));
        };
        if self.inner.way.parts(commands) {
            let sent = commands.iter().map(|one| self.completed(one, until).boxed());
            let mut sent = InOrder::new(sent);
            while let Some(answer) = sent.next().await {
                take(answer);
            }
            return;
        }
        let slot = commands.iter().find_map(|command| command.slot);
        let is_unsent = |answer: Option<&Result<Reply>>| {
            answer.is_some_and(
                |answer| matches!(answer, Err(error) if error.kind() == ErrorKind::Unreachable),
            )
        };
        loop {
            let route = match self.inner.way.route(slot, until).await {
                Ok(route) => route,
                Err(error) => return commands.iter().for_each(|_| take(Err(error.clone()))),
            };
            let sent = commands.iter().map(|one| self.send(&route, one, until));
            let mut sent = InOrder::new(sent);
            // Where the first one was not sent, mostly none was, and the next connection will do.
            let mut early = VecDeque::new();
            let span = trace::call(commands, self.inner.address.place());
            let mut next = sent.next().instrument(span.clone()).await;
            while is_unsent(next.as_ref()) {
                early.extend(next.take());
                next = sent.next().instrument(span.clone()).await;
            }
            if next.is_none() && !early.is_empty() && Instant::now() < until {
                drop(sent);
                self.inner.way.other_than(&route, until).await;
                continue;
            }
            early.extend(next);
            let mut left = commands.iter();
            while let Some(answer) = match early.pop_front() {
                Some(answer) => Some(answer),
                None => sent.next().instrument(span.clone()).await,
            } {
                if let Err(error) = &answer {
                    trace::failed(&span, error);
                }
                let again = left.next().filter(|_| self.is_to_be_sent_again(&answer));
                match again {
                    // Nothing of it was run, so it is safe to send it again.
                    Some(command) => take(self.completed(command, until).boxed().await),
                    None => take(answer),
                }
            }
            return;
        }
    }

    /// Gives the server a script, so that the first run of it needs one round trip only.
    ///
    /// # Errors
    /// Those of [`Redis::command`].
    ///
    /// # Cancel safety
    /// Safe: the server may know the script or not.
    pub async fn load(&self, script: &Script) -> Result<()> {
        self.command(script.loading()).await.map(drop)
    }

    /// How long a command takes at most where nothing else is said.
    #[must_use]
    pub fn command_timeout(&self) -> Duration {
        self.inner.options.command_timeout
    }

    /// Whether a command was not run, and another try would lead further.
    fn is_to_be_sent_again(&self, answer: &Result<Reply>) -> bool {
        answer
            .as_ref()
            .is_err_and(|error| error.is_refused_as("NOSCRIPT") || self.inner.way.redirects(error))
    }

    /// One command of a batch by itself; a script whole where the server does not know it.
    async fn completed(&self, command: &Command, until: Instant) -> Result<Reply> {
        match (self.deliver(command, until).await, &command.script) {
            (Err(error), Some(script)) if error.is_refused_as("NOSCRIPT") => {
                self.deliver(&script.whole(command.clone()), until).await
            }
            (answer, _) => answer,
        }
    }

    async fn deliver(&self, command: &Command, until: Instant) -> Result<Reply> {
        let span = trace::call(std::slice::from_ref(command), self.inner.address.place());
        let answer = self.delivered(command, until).instrument(span.clone()).await;
        answer.inspect_err(|error| trace::failed(&span, error))
    }

    async fn delivered(&self, command: &Command, until: Instant) -> Result<Reply> {
        let way = &self.inner.way;
        loop {
            let route = way.route(command.slot, until).await?;
            match self.send(&route, command, until).await {
                // It was not sent: the connection is at its end, and the next one will do.
                Err(error) if error.kind() == ErrorKind::Unreachable && Instant::now() < until => {
                    way.other_than(&route, until).await;
                }
                Err(error) => match way.redirected(error, command, until).await {
                    Next::Answered(answer) => return answer,
                    Next::Again => {}
                },
                answer => return answer,
            }
        }
    }

    async fn send(&self, route: &Route, command: &Command, until: Instant) -> Result<Reply> {
        let Route { link, connection, number } = route;
        let (before, now) = (link.replies(), Instant::now());
        link.asked(now);
        let answer = connection.send(command, until.saturating_duration_since(now)).await;
        match &answer {
            // Nobody got a reply in all that time: it broke before, or the connection is dead
            // without saying so. Of that a caller with little time is no measure.
            Err(error) if error.kind() == ErrorKind::Lost => {
                let is_dead = Instant::now() < until || link.silence() >= self.silence();
                if link.replies() == before && is_dead {
                    link.reset(*number);
                }
            }
            Err(error) if self.inner.way.is_of_a_wrong_server(error) => {
                link.replied();
                link.reset(*number);
            }
            _ => link.replied(),
        }
        answer
    }

    /// How long a connection may answer nobody: about as long as a command takes at most, of
    /// whose time a little has gone by before it is sent.
    fn silence(&self) -> Duration {
        let time = self.inner.options.command_timeout.min(LONGEST);
        time - time / 10
    }
}

fn no_room() -> Error {
    Error::new(ErrorKind::Busy, "too many commands are on their way")
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("at", &self.inner.address.place()).finish_non_exhaustive()
    }
}

/// Where it is, without user and password.
impl fmt::Display for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.inner.address.place())
    }
}
