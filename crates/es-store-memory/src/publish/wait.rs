//! Where the log ends, and whoever waits for that to move.
//!
//! *Hazard.* A waiter that looks, finds nothing new and goes to sleep misses an append that
//! lands between the two, and sleeps for ever.
//! *Mechanism.* A waiter registers first and looks again afterwards; an appender publishes
//! the head first and looks for waiters afterwards. Between the two steps, both have a
//! `SeqCst` fence.
//! *Why it is sound.* Of two such fences one comes first. If it is the waiter's, the
//! appender sees that somebody is registered, and wakes. If it is the appender's, the
//! waiter sees the new head, and does not sleep. A release and an acquire without the
//! fences would not do: each side could miss the other's store.
//! *Cost.* One fence and one load for an append that nobody waits for.
//!
//! The published head is also what makes an append visible as one: a reader takes it once
//! and looks at nothing above it, and the writer moves it when everything is in place.

use std::{
    collections::BTreeMap,
    mem,
    pin::Pin,
    sync::PoisonError,
    task::{Context, Poll, Waker},
};

use super::sync::{AtomicU32, AtomicUsize, Mutex, MutexGuard, Ordering, fence};

/// The position of the last event that readers may see, and who waits for a higher one.
pub(crate) struct Published {
    head: AtomicU32,
    /// How many are registered, so that an appender need not take the lock to learn it.
    registered: AtomicUsize,
    waiters: Mutex<Waiters>,
}

struct Waiters {
    next_ticket: u64,
    /// By what they wait for, so that those to be woken are the front.
    wakers: BTreeMap<Ticket, Waker>,
}

/// The position behind which a waiter waits, and a number that is its own.
type Ticket = (u64, u64);

impl Published {
    pub(crate) fn new() -> Self {
        Self {
            head: AtomicU32::new(0),
            registered: AtomicUsize::new(0),
            waiters: Mutex::new(Waiters { next_ticket: 0, wakers: BTreeMap::new() }),
        }
    }

    /// The position of the last event, 0 when there is none. Everything up to there can be
    /// seen.
    pub(crate) fn head(&self) -> u32 {
        self.head.load(Ordering::Acquire)
    }

    /// Lets readers see everything up to `head`. For the one who holds the writer's lock,
    /// once all of it is in place.
    pub(crate) fn publish(&self, head: u32) {
        self.head.store(head, Ordering::Release);
    }

    /// Wakes those who wait for the published head. Not under the writer's lock: a waker is
    /// foreign code.
    pub(crate) fn wake(&self) {
        fence(Ordering::SeqCst);
        if self.registered.load(Ordering::Relaxed) == 0 {
            return;
        }
        let head = u64::from(self.head());
        let woken = self.change(|waiters| {
            let later = waiters.wakers.split_off(&(head, 0));
            mem::replace(&mut waiters.wakers, later)
        });
        woken.into_values().for_each(Waker::wake);
    }

    /// Waits until the head is behind `after`, and yields it.
    pub(crate) const fn beyond(&self, after: u64) -> Beyond<'_> {
        Beyond { published: self, after, ticket: None }
    }

    /// How many are registered, or are thought to be. For tests: a waiter that went away
    /// must leave neither.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        let waiters = self.lock().wakers.len();
        waiters.max(self.registered.load(Ordering::Relaxed))
    }

    fn change<R>(&self, change: impl FnOnce(&mut Waiters) -> R) -> R {
        let mut waiters = self.lock();
        let result = change(&mut waiters);
        self.registered.store(waiters.wakers.len(), Ordering::Relaxed);
        result
    }

    fn lock(&self) -> MutexGuard<'_, Waiters> {
        // No foreign code runs under this lock, so nothing can leave it half changed.
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The future of [`Published::beyond`].
///
/// Dropping it takes its registration back.
pub(crate) struct Beyond<'a> {
    published: &'a Published,
    after: u64,
    ticket: Option<Ticket>,
}

impl Beyond<'_> {
    fn head(&self) -> Option<u32> {
        let head = self.published.head();
        (u64::from(head) > self.after).then_some(head)
    }

    fn register(&mut self, waker: &Waker) {
        // Cloned before and dropped after the lock: both are foreign code.
        let waker = waker.clone();
        let replaced = self.published.change(|waiters| {
            let ticket = *self.ticket.get_or_insert_with(|| {
                waiters.next_ticket += 1;
                (self.after, waiters.next_ticket)
            });
            waiters.wakers.insert(ticket, waker)
        });
        drop(replaced);
    }
}

impl Future for Beyond<'_> {
    type Output = u32;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
        if let Some(head) = self.head() {
            return Poll::Ready(head);
        }
        self.register(cx.waker());
        fence(Ordering::SeqCst);
        self.head().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Beyond<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let waker = self.published.change(|waiters| waiters.wakers.remove(&ticket));
            drop(waker);
        }
    }
}
