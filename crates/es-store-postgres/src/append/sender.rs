//! The task that sends: group commit.
//!
//! # Mechanism
//! The task owns a connection. It takes the first append that waits and sends it at once;
//! what arrives while that is on its way gathers, and the next call takes all of it, up to
//! a bound. Each append has its own result. A lone caller waits for nobody, not even for
//! the task: it sends for itself.
//! # Hazard: batches fall apart
//! The callers of one batch are answered together and come back together, a moment later.
//! Sent at once, the first of them would leave alone, with a commit to itself. So behind a
//! batch of several the task lets others run for a moment, until as many are back.
//! # Two in flight
//! With many callers the time that they take to come back is longer than a commit: while one
//! call is on its way and enough wait, a second connection takes the next batch. The lock of
//! the log keeps the two in order. With fewer it would halve the batches and double the
//! commits. Where calls go without the lock (`optimistic.rs`) there is one at a time: the
//! second could not know behind which position it is.
//! # Hazard: the reply is lost
//! The connection breaks between the call and its reply, and the server may have committed
//! or may yet commit. The task sends the same batch again on another connection, with care:
//! whichever call comes second finds the event ids of the first. That goes on until it is
//! answered or its callers have given up, who are told that the outcome is unknown.
//! # What it costs
//! One connection, kept, and a second one under load. An append waits for the batch before
//! it.

use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool_postgres::Object;
use es_core::{
    Conflict, Error, ErrorKind, ExpectedVersion, LogId, Position, Receipt, Result, SharedObserver,
};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::{
    call::{Answer, Failure, How, call, tell, unknown},
    entry::{Entry, Way},
    optimistic::{Lockless, Odds, set_up},
    queue::{Pending, Submitted, too_late},
    repeat,
    slots::{Connection, Slot, Slots},
};
use crate::{
    connect::Connections,
    error::{again, closed, damaged},
    migrate::Maker,
    names::Names,
    observe::committed,
};

/// Appends that share a commit at most.
const BATCH: usize = 128;
/// Events behind which a batch takes no more.
const BATCH_EVENTS: usize = 2_000;
/// Bytes of payload behind which a batch takes no more.
const BATCH_BYTES: usize = 8 << 20;
/// So many have to wait for a second call to be worth while.
const SECOND: usize = 48;
/// How often a batch is sent again because a session does not see all partitions.
const UNSEEN: u32 = 4;
/// How long that news may take.
const UNTOLD: Duration = Duration::from_secs(2);
/// A time that is not worth dividing.
const SHORT: Duration = Duration::from_millis(100);
/// How long those who were answered together are given to come back.
const GATHER: Duration = Duration::from_micros(400);

/// What is sent, with the names of the tables in it.
#[derive(Debug)]
pub(crate) struct Statements {
    pub(super) prefix: String,
    pub(super) one: Entry,
    pub(super) many: Entry,
    pub(super) repeat: String,
    pub(super) lock: String,
    pub(super) is_fresh: String,
    pub(super) lockless: Lockless,
    /// What makes room, if the events are in partitions.
    pub(super) maker: Option<Maker>,
}

impl Statements {
    pub(crate) fn new(names: &Names) -> Self {
        Self {
            prefix: names.sql("{es_}"),
            one: Entry::of(names, "{append}_one", 16),
            many: Entry::of(names, "{append}", 34),
            repeat: repeat::statement(names),
            lock: names
                .sql("LOCK TABLE {es}append_lock IN EXCLUSIVE MODE; SHOW transaction_isolation"),
            is_fresh: names.sql("SELECT {es}is_fresh()"),
            lockless: Lockless::new(names),
            maker: names.layout().is_partitioned.then(|| Maker::new(names)),
        }
    }
}

/// What the task works with.
pub(crate) struct Sender {
    pub(crate) connections: Connections,
    pub(crate) statements: Arc<Statements>,
    pub(crate) log: LogId,
    pub(crate) published: Arc<watch::Sender<Position>>,
    /// How long a batch that was not sent yet waits for a connection.
    pub(crate) patience: Duration,
    pub(crate) slots: Slots,
    pub(crate) observer: Option<SharedObserver>,
    /// How many connections it has been given.
    pub(crate) made: AtomicU64,
    pub(crate) odds: Odds,
}

impl Sender {
    /// How many connections it has been given so far.
    pub(crate) fn made(&self) -> u64 {
        self.made.load(Ordering::Acquire)
    }

    /// Queues an append, or sends it at once if its caller is alone.
    pub(crate) async fn append(
        &self,
        queue: &mpsc::UnboundedSender<Pending>,
        (pending, submitted): (Pending, Submitted),
    ) -> Result<Receipt> {
        let Some(mut slot) = self.slots.alone() else {
            self.slots.wait();
            queue.send(pending).map_err(|_| closed())?;
            return submitted.answer().await;
        };
        if !pending.take() {
            return Err(too_late());
        }
        let batch = [pending];
        let answers = self.settle(&mut slot.connection, &batch).await?;
        self.publish(&answers);
        answers.into_iter().next().unwrap_or_else(|| Err(closed()))
    }

    /// Works until the last handle has gone; what was accepted by then is done first.
    pub(crate) async fn run(&self, mut queue: mpsc::UnboundedReceiver<Pending>) {
        let mut waiting = VecDeque::new();
        let mut busy = FuturesUnordered::new();
        let mut is_open = true;
        while is_open || !waiting.is_empty() || !busy.is_empty() {
            if !waiting.is_empty()
                && let Some(slot) = self.slots.for_batch(waiting.len(), self.second())
            {
                if busy.is_empty() {
                    gather(&mut queue, &mut waiting, self.slots.last()).await;
                }
                let before = waiting.len();
                let batch = next_batch(&mut waiting);
                self.slots.took(before - waiting.len(), batch.len());
                busy.push(self.deliver(slot, batch));
                continue;
            }
            tokio::select! {
                biased;
                Some(()) = busy.next(), if !busy.is_empty() => {}
                pending = queue.recv(), if is_open => match pending {
                    Some(pending) => waiting.push_back(pending),
                    None => is_open = false,
                },
                () = self.slots.returned(), if !waiting.is_empty() => {}
            }
        }
    }

    /// Sends a batch until everyone in it is answered or has gone.
    async fn deliver(&self, mut slot: Slot<'_>, batch: Vec<Pending>) {
        let mut todo = vec![batch];
        while let Some(batch) = todo.pop() {
            if batch.is_empty() {
                continue;
            }
            match self.settle(&mut slot.connection, &batch).await {
                Ok(answers) => self.answer(batch, answers),
                Err(error) if batch.len() > 1 && !is_common(&error) => {
                    // One of them is at fault; the others must not pay for it.
                    todo.extend(batch.into_iter().rev().map(|pending| vec![pending]));
                }
                Err(error) => {
                    batch.into_iter().for_each(|pending| pending.answer(Err(again(&error))));
                }
            }
        }
    }

    fn answer(&self, batch: Vec<Pending>, answers: Vec<Answer>) {
        self.publish(&answers);
        for (pending, answer) in batch.into_iter().zip(answers) {
            pending.answer(answer);
        }
    }

    /// Wakes those who wait for events.
    fn publish(&self, answers: &[Answer]) {
        let receipts = answers.iter().filter_map(|answer| answer.as_ref().ok());
        if let Some(last) = receipts.map(|receipt| receipt.last).max() {
            self.published.send_if_modified(|head| {
                let grown = last > *head;
                *head = last.max(*head);
                grown
            });
        }
    }

    /// Sends a batch until it is answered, and tells of it.
    async fn settle(&self, connection: &mut Connection, batch: &[Pending]) -> Result<Vec<Answer>> {
        let begun = self.observer.is_some().then(Instant::now);
        let answers = self.send(connection, batch).await;
        if let (Some(observer), Some(begun)) = (&self.observer, begun) {
            let since = batch.iter().map(|pending| pending.begun).min().unwrap_or(begun);
            committed(observer, batch.len(), since, begun, answers.is_ok());
        }
        answers
    }

    async fn send(&self, connection: &mut Connection, batch: &[Pending]) -> Result<Vec<Answer>> {
        let (mut careful, mut lost, mut tries) = (false, None, 0);
        let begun = Instant::now();
        loop {
            let failure = match self.connected(connection, batch).await {
                Ok(client) => {
                    let time = batch.iter().map(Pending::time_left).max().unwrap_or_default();
                    let way = Way::of(self.connections.sent(), time);
                    let how = How { careful, made: self.made(), behind: self.behind(careful) };
                    let call = call((client, &way), &self.statements, self.log, batch, how);
                    match tokio::time::timeout(time, call).await {
                        Ok(Ok(answers)) if lost.is_some() => {
                            return Ok(distrusted(answers));
                        }
                        Ok(Ok(answers)) => return Ok(answers),
                        Ok(Err(Failure::NoRoom(through))) => {
                            let time =
                                batch.iter().map(Pending::time_left).max().unwrap_or_default();
                            self.make_room((client, &way), through, time).await
                        }
                        Ok(Err(Failure::Unseen(error))) => {
                            // Told of it, the session sees them, or else another one does.
                            let told = tell(client, &self.statements);
                            drop(tokio::time::timeout(UNTOLD, told).await);
                            Failure::Unseen(error)
                        }
                        Ok(Err(failure)) => failure,
                        Err(_) => {
                            way.give_up(client, self.connections.tls());
                            Failure::Lost(Error::new(ErrorKind::Busy, "the deadline is over"))
                        }
                    }
                }
                Err(error) => Failure::Refused(error),
            };
            match failure {
                Failure::Repeated => careful = true,
                Failure::NoRoom(_) => {}
                Failure::Unseen(error) if tries > UNSEEN && lost.is_none() => return Err(error),
                Failure::Unseen(_) => {
                    drop(connection.take().map(Object::take));
                    pause(tries).await;
                }
                Failure::Senseless(error) => return Err(unknown(error)),
                Failure::Lost(error) => {
                    tracing::warn!(error = %error, appends = batch.len(), "lost a reply of PostgreSQL");
                    drop(connection.take().map(Object::take));
                    (careful, lost) = (true, Some(error));
                    pause(tries).await;
                }
                // Once a reply was lost, a refusal does not say what became of that call.
                Failure::Refused(error) if lost.is_some() => {
                    if !error.is_temporary() {
                        return Err(unknown(error));
                    }
                    pause(tries).await;
                }
                Failure::Refused(error)
                    if error.kind() == ErrorKind::Unavailable
                        && begun.elapsed() < self.patience =>
                {
                    drop(connection.take().map(Object::take));
                    pause(tries).await;
                    if batch.iter().all(|pending| pending.time_left().is_zero()) {
                        return Err(too_late());
                    }
                }
                Failure::Refused(error) => {
                    if error.kind() == ErrorKind::Unsupported {
                        // A standby: another connection may lead to the primary.
                        drop(connection.take().map(Object::take));
                    }
                    return Err(error);
                }
            }
            tries += 1;
            if batch.iter().all(|p| p.is_abandoned() || p.time_left().is_zero()) {
                return Err(match lost {
                    Some(error) => unknown(error),
                    None => too_late(),
                });
            }
        }
    }

    /// How many have to wait for a second call to be sent while one is in flight.
    fn second(&self) -> usize {
        if self.odds.are_good() { usize::MAX } else { SECOND }
    }

    /// The position to append behind without the lock, where that is worth trying: nobody else
    /// of this store is about to move it.
    fn behind(&self, careful: bool) -> Option<(i64, &Odds)> {
        if careful || !self.slots.is_only_one() {
            return None;
        }
        let known = *self.published.borrow();
        self.odds.behind(known).map(|position| (position, &self.odds))
    }

    /// Makes the partitions that a batch lacks. Whoever works on the table may keep it from
    /// that; nobody else waits for this batch, so it is tried again.
    async fn make_room(
        &self,
        (client, way): (&Object, &Way),
        through: u64,
        time: Duration,
    ) -> Failure {
        let Some(maker) = &self.statements.maker else {
            return Failure::Senseless(damaged("a log without partitions has no room"));
        };
        match tokio::time::timeout(time, maker.make(&***client, through)).await {
            Ok(Ok(_)) => Failure::NoRoom(through),
            Ok(Err(error)) if error.kind() == ErrorKind::Busy => Failure::NoRoom(through),
            Ok(Err(error)) => Failure::Refused(error),
            Err(_) => {
                way.give_up(client, self.connections.tls());
                Failure::Refused(too_late())
            }
        }
    }

    /// The connection, made anew where it is gone.
    async fn connected<'c>(
        &self,
        connection: &'c mut Connection,
        batch: &[Pending],
    ) -> Result<&'c Object> {
        if connection.as_ref().is_some_and(|client| client.is_closed()) {
            *connection = None;
        }
        let client = match connection.take() {
            Some(client) => client,
            None => {
                // Before it is known: whoever looks from here on may look at what it leads to.
                self.made.fetch_add(1, Ordering::AcqRel);
                let time = batch.iter().map(Pending::time_left).max().unwrap_or_default();
                let client = match tokio::time::timeout(time, self.connections.get()).await {
                    Ok(client) => client?.closing(),
                    Err(_) => return Err(too_late()),
                };
                // It may have been idle, and have died in silence: then there is to be time for
                // another one.
                let time = batch.iter().map(Pending::time_left).max().unwrap_or_default();
                let time = time.min(self.patience);
                let time = (time / 2).max(time.min(SHORT));
                let set_up = set_up(&client, self.log, &self.odds);
                match tokio::time::timeout(time, set_up).await {
                    Ok(can) => self.odds.set(can?),
                    Err(_) => return Err(self.connections.silent(time)),
                }
                let client = client.answered();
                // It may lead to a server whose log ends earlier: whoever waits has to look.
                self.published.send_modify(|_| {});
                client
            }
        };
        Ok(connection.insert(client))
    }
}

/// Takes what has arrived, and waits a moment for those of the last batch.
async fn gather(
    queue: &mut mpsc::UnboundedReceiver<Pending>,
    waiting: &mut VecDeque<Pending>,
    last: usize,
) {
    let begun = Instant::now();
    loop {
        while let Ok(pending) = queue.try_recv() {
            waiting.push_back(pending);
        }
        if waiting.len() >= last || begun.elapsed() >= GATHER {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Takes from those who wait as many as one call may have. No event id comes twice in it:
/// the second one waits for the next call, which finds the first.
fn next_batch(waiting: &mut VecDeque<Pending>) -> Vec<Pending> {
    let (mut batch, mut later) = (Vec::new(), Vec::new());
    let (mut events, mut bytes) = (0, 0);
    let mut ids: HashSet<Uuid> = HashSet::new();
    while let Some(pending) = waiting.pop_front() {
        let request = &pending.request;
        let count = request.event_count();
        let size: usize = request.events().map(|(_, event)| event.payload.bytes().len()).sum();
        let is_full = batch.len() >= BATCH
            || (!batch.is_empty() && (events + count > BATCH_EVENTS || bytes + size > BATCH_BYTES));
        if is_full {
            waiting.push_front(pending);
            break;
        }
        let is_alone = batch.is_empty() && waiting.is_empty();
        if !is_alone {
            if request.events().any(|(_, event)| ids.contains(&event.id.as_uuid())) {
                later.push(pending);
                continue;
            }
            ids.extend(request.events().map(|(_, event)| event.id.as_uuid()));
        }
        if pending.take() {
            events += count;
            bytes += size;
            batch.push(pending);
        }
    }
    later.into_iter().rev().for_each(|pending| waiting.push_front(pending));
    batch
}

/// Answers that came after a reply was lost: the first call may still be on its way.
///
/// It can change no answer but one: that a stream is not there, or not there yet, which it
/// may be by the time the first call is carried out.
fn distrusted(answers: Vec<Answer>) -> Vec<Answer> {
    let answers = answers.into_iter().map(|answer| match answer {
        Err(error) if error.conflict().is_some_and(may_pass) => Err(unknown(error)),
        answer => answer,
    });
    answers.collect()
}

/// Whether a conflict may have gone a moment later: versions only grow.
fn may_pass(conflict: &Conflict) -> bool {
    match conflict.expected {
        ExpectedVersion::Exists => true,
        ExpectedVersion::Exact(version) => conflict.actual.is_none_or(|actual| actual < version),
        ExpectedVersion::Any | ExpectedVersion::NoStream => false,
    }
}

/// Whether an error concerns all of a batch, whatever is in it.
fn is_common(error: &Error) -> bool {
    use ErrorKind::{Busy, Closed, LogDiverged, OutcomeUnknown, Unavailable, Unsupported};
    matches!(error.kind(), Busy | Closed | LogDiverged | OutcomeUnknown | Unavailable | Unsupported)
}

/// Waits before another try: longer each time, and never in step with others.
async fn pause(tries: u32) {
    let longest = 10_u64 << tries.min(6);
    tokio::time::sleep(Duration::from_millis(fastrand::u64(longest / 2..=longest))).await;
}

#[cfg(test)]
mod tests;
