//! Every interleaving of appenders, readers and waiters, on the very source of
//! `src/publish`, compiled here against loom.
//!
//! Each model names the breaks of that source which it was seen to catch. Loom ends the
//! process where it finds a sleep without end.

#[path = "../../../src/publish/postings.rs"]
mod postings;
mod sync;
#[path = "../../../src/publish/wait.rs"]
mod wait;

use std::{
    pin::{Pin, pin},
    task::{Context, Poll, Wake, Waker},
};

use loom::{
    model::Builder,
    sync::{Arc, Mutex, Notify},
    thread,
};

use postings::Postings;
use wait::Published;

/// Runs `model` in every interleaving with up to so many forced switches, which is what
/// keeps it short; switches at a blocking step are not counted.
fn check(switches: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(switches);
    builder.check(model);
}

/// Wakes the thread that sleeps on it.
struct Bell(Notify);

impl Wake for Bell {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.notify();
    }
}

/// Polls to the end, and sleeps in between until woken. Loom reports a sleep without end.
fn block_on<F: Future>(future: F) -> F::Output {
    let bell = std::sync::Arc::new(Bell(Notify::new()));
    let waker = Waker::from(std::sync::Arc::clone(&bell));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => bell.0.wait(),
        }
    }
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A store in small: the log and one index list, and the lock that writers take.
struct Log {
    writer: Mutex<u32>,
    all: Postings,
    odd: Postings,
    published: Published,
}

impl Log {
    fn with(events: u32) -> Arc<Self> {
        let log = Arc::new(Self {
            writer: Mutex::new(0),
            all: Postings::new(),
            odd: Postings::new(),
            published: Published::new(),
        });
        (0..events).for_each(|_| log.append(1));
        log
    }

    /// The order of steps in `src/append`.
    fn append(&self, count: u32) {
        let mut head = self.writer.lock().unwrap();
        for position in *head + 1..=*head + count {
            self.all.push(position);
            if position % 2 == 1 {
                self.odd.push(position);
            }
        }
        *head += count;
        self.published.publish(*head);
        drop(head);
        self.published.wake();
    }

    /// Reads all that is published, as a scan does, and returns the head.
    fn read(&self) -> u32 {
        let head = self.published.head();
        for (list, expected) in [
            (&self.all, (1..=head).collect::<Vec<_>>()),
            (&self.odd, (1..=head).step_by(2).collect()),
        ] {
            let mut positions = Vec::new();
            list.copy(0..list.count_up_to(head), &mut positions);
            assert_eq!(positions, expected, "at head {head}");
        }
        head
    }
}

/// Caught: the second look before the registration; no second look; either fence left out;
/// a count of waiters that is not kept; `wake` before `publish`.
#[test]
fn a_waiter_never_sleeps_through_an_append() {
    check(4, || {
        let log = Log::with(0);
        let waiter = {
            let log = Arc::clone(&log);
            thread::spawn(move || block_on(log.published.beyond(0)))
        };
        log.append(1);
        assert_eq!(waiter.join().unwrap(), 1);
    });
}

/// Caught: the same; a dropped waiter that stays registered, or stays counted.
#[test]
fn a_waiter_for_the_second_append_is_not_lost_on_the_first() {
    check(3, || {
        let log = Log::with(0);
        let appender = {
            let log = Arc::clone(&log);
            thread::spawn(move || log.append(1))
        };
        let waiter = {
            let log = Arc::clone(&log);
            thread::spawn(move || block_on(log.published.beyond(1)))
        };
        log.append(1);
        assert_eq!(waiter.join().unwrap(), 2);
        appender.join().unwrap();
        assert_eq!(log.published.waiting(), 0);
    });
}

/// Caught: `Relaxed` for the head or for the length, stored or loaded; the length stored
/// before the entry; the head published before the entries are written.
#[test]
fn whoever_sees_the_head_sees_everything_up_to_it() {
    check(2, || {
        // The sixth entry is the first in a chunk.
        let log = Log::with(4);
        let appenders = [1, 2].map(|count| {
            let log = Arc::clone(&log);
            thread::spawn(move || log.append(count))
        });
        let first = log.read();
        let second = log.read();
        assert!((4..=7).contains(&first) && first <= second);
        for appender in appenders {
            appender.join().unwrap();
        }
        assert_eq!(log.read(), 7);
    });
}

/// Caught: what the first model catches; no deregistration in `Drop`, or one that does not
/// count down.
#[test]
fn a_waiter_that_goes_away_disturbs_nobody() {
    check(3, || {
        let log = Log::with(0);
        let gone = {
            let log = Arc::clone(&log);
            thread::spawn(move || {
                let poll = poll_once(pin!(log.published.beyond(0)));
                assert!(matches!(poll, Poll::Pending | Poll::Ready(1)));
            })
        };
        let stays = {
            let log = Arc::clone(&log);
            thread::spawn(move || block_on(log.published.beyond(0)))
        };
        log.append(1);
        assert_eq!(stays.join().unwrap(), 1);
        gone.join().unwrap();
        assert_eq!(log.published.waiting(), 0);
    });
}
