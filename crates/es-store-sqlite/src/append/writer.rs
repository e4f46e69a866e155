//! The thread that writes: group commit.
//!
//! # Mechanism
//! The thread takes the first append that waits, opens a transaction and works; whatever
//! has arrived by the time it is done joins, up to a bound, and all of them commit
//! together. Each has its own result. A lone caller waits for nobody, and mostly writes for
//! itself (`desk`). Behind a batch of many, those that were answered come back one after the
//! other: a batch that would be much smaller than the one before waits for them a moment, or
//! each large commit would be followed by one of a single append, which all others wait for.
//!
//! While another process has the lock of the file, the thread asks for it again and again, for the
//! append that is first. Those behind it are looked at in between: one whose deadline is over is
//! answered, and has its place in the queue to give away. How long an append waits for the lock
//! counts from when it was missed, not from when that append came to be first.
//! # Why it is sound
//! Nothing is answered before the commit: a conflict may rest on an append of the same
//! batch, so when the commit fails nobody keeps an answer. What panics takes a batch with it and
//! not the thread; what it had written is rolled back.
//! # What it costs
//! An append that joins a large batch waits for the work of the others; they would have
//! come before it anyway, each with a commit of its own. When many have come at once and then
//! few, those few wait a moment in vain, once.

use std::{
    collections::VecDeque,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use es_core::{Error, ErrorKind, Receipt, Result};

use super::{
    desk::Desk,
    observe::Commit,
    pen::Pen,
    queue::{Command, Pending, too_late},
};
use crate::{open::PAUSE, read::Names};

/// Appends that share a commit at most.
const BATCH: usize = 512;
/// Bytes of payload behind which a batch takes no more.
const BATCH_BYTES: usize = 16 << 20;
/// A batch that was as large makes the next one wait for those who come back.
const MANY: usize = 8;
/// How long: less than a commit.
const MOMENT: Duration = Duration::from_micros(100);

/// Works until the last sender has gone; what was accepted by then is done first.
pub(crate) fn run(desk: &Desk, patience: Duration, commands: &mpsc::Receiver<Command>) {
    let (names, early) = (Names::default(), VecDeque::new());
    let mut writer = Writer { desk, patience, commands, early, names, last: 0, missed: None };
    let mut next = commands.recv().ok();
    while let Some(command) = next {
        let other = writer.act(command);
        next = other.or_else(|| writer.early.pop_front()).or_else(|| commands.recv().ok());
    }
}

struct Writer<'d> {
    desk: &'d Desk,
    patience: Duration,
    commands: &'d mpsc::Receiver<Command>,
    /// What was taken out of there while the lock was waited for, and comes first.
    early: VecDeque<Command>,
    /// For those who read in a log in memory.
    names: Names,
    /// How many appends the last batch had.
    last: usize,
    /// Since when somebody else has had the lock of the file, if it was not to be had last.
    missed: Option<Instant>,
}

type Answers = Vec<(Pending, Result<Receipt>)>;

impl Writer<'_> {
    /// Does a command; gives back one that came meanwhile and is no append.
    fn act(&mut self, command: Command) -> Option<Command> {
        let mut pen = self.desk.wait();
        let acted = catch_unwind(AssertUnwindSafe(|| match command {
            Command::Job(job) => {
                job(&pen.connection, &mut self.names);
                None
            }
            Command::Append(first) => self.batch(&mut pen, *first),
        }));
        // Its callers were told by their channels.
        acted.unwrap_or_else(|_| {
            pen.recover();
            None
        })
    }

    /// Does `first` and what arrives meanwhile.
    fn batch(&mut self, pen: &mut Pen, first: Pending) -> Option<Command> {
        if first.is_abandoned() {
            return None;
        }
        let commit = pen.observer.as_ref().map(|_| Commit::begin(first.begun));
        if let Err(error) = self.begin(pen, &first) {
            pen.tell(commit, 1, false);
            first.answer(Err(error));
            return None;
        }
        let (before, begun) = (pen.head(), Instant::now());
        let (answers, other) = self.fill(pen, first);
        let ended = pen.end(before, commit, answers.len());
        self.last = answers.len();
        self.desk.committed(answers.len(), begun.elapsed());
        match ended {
            Ok(()) => {
                answers.into_iter().for_each(|(pending, result)| pending.answer(result));
                if let Some(carrier) = &mut pen.carrier
                    && carrier.committed()
                {
                    carrier.finish(&pen.connection);
                }
            }
            Err(error) => {
                for (pending, _) in answers {
                    pending.answer(Err(again(&error)));
                }
            }
        }
        other
    }

    /// Takes the write lock, for which it waits no longer than the caller does.
    fn begin(&mut self, pen: &mut Pen, first: &Pending) -> Result<()> {
        first.check_deadline()?;
        loop {
            match pen.begin() {
                Err(error) if error.kind() == ErrorKind::Busy => {
                    let missed = *self.missed.get_or_insert_with(Instant::now);
                    if missed.max(first.begun).elapsed() >= self.patience {
                        return Err(error);
                    }
                }
                begun => {
                    self.missed = None;
                    return begun;
                }
            }
            self.answer_late();
            thread::sleep(Duration::from_micros(fastrand::u64(PAUSE)));
            first.check_deadline()?;
        }
    }

    /// Answers those in the queue who do not wait any longer.
    fn answer_late(&mut self) {
        self.early.extend(self.commands.try_iter());
        let is_late = |command: &Command| match command {
            Command::Append(pending) => pending.is_late() || pending.is_abandoned(),
            Command::Job(_) => false,
        };
        if !self.early.iter().any(is_late) {
            return;
        }
        let (late, early): (VecDeque<_>, _) =
            mem::take(&mut self.early).into_iter().partition(is_late);
        self.early = early;
        for command in late {
            if let Command::Append(pending) = command {
                pending.answer(Err(too_late()));
            }
        }
    }

    fn fill(&mut self, pen: &mut Pen, first: Pending) -> (Answers, Option<Command>) {
        let mut decider = pen.decider();
        let (mut answers, mut bytes, mut next) = (Vec::new(), 0, Some(first));
        let begun = Instant::now();
        while let Some(pending) = next {
            if !pending.is_abandoned() {
                let events = pending.request.events();
                bytes += events.map(|(_, event)| event.payload.bytes().len()).sum::<usize>();
                let decide = |()| decider.append(&pending.request, &pending.looked);
                let result = pending.check_deadline().and_then(decide);
                answers.push((pending, result));
            }
            if answers.len() >= BATCH || bytes >= BATCH_BYTES || decider.is_over() {
                break;
            }
            next = match self.next(answers.len(), begun) {
                Some(Command::Append(pending)) => Some(*pending),
                other => return (answers, other),
            };
        }
        (answers, None)
    }

    /// What is to be done next in the batch that has so many appends; nothing when it is full
    /// enough.
    fn next(&mut self, appends: usize, begun: Instant) -> Option<Command> {
        if let Some(command) = self.early.pop_front() {
            return Some(command);
        }
        if let Ok(command) = self.commands.try_recv() {
            return Some(command);
        }
        if self.last < MANY || appends >= self.last / 4 * 3 {
            return None;
        }
        let left = MOMENT.checked_sub(begun.elapsed())?;
        self.commands.recv_timeout(left).ok()
    }
}

/// The same error for each caller of a batch.
fn again(error: &Error) -> Error {
    let copy = Error::new(error.kind(), error.to_string());
    match std::error::Error::source(error) {
        Some(source) => copy.with_source(source.to_string()),
        None => copy,
    }
}
