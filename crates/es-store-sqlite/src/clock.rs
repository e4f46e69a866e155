//! Waiting for something, but not beyond a moment.
//!
//! *Hazard.* Who waits for a place in the queue or for a search has a deadline, and the runtime
//! of the caller may have no timers, or not be tokio's. *Mechanism.* A thread of the store
//! tells when a moment has come. It is asked only when somebody really has to wait, and started
//! when it is asked first. *Cost.* Nothing where nobody waits with a deadline.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
    pin::{Pin, pin},
    sync::{Mutex, PoisonError, mpsc},
    task::Poll,
    thread::JoinHandle,
    time::Instant,
};

use es_core::Result;
use tokio::sync::oneshot;

use crate::readers::{end, spawn};

/// So many alarms that nobody waits for any more are kept at most, before they are due.
const FORGOTTEN: usize = 1_024;

/// Tells when a moment has come.
#[derive(Debug, Default)]
pub(crate) struct Clock(Mutex<Option<Running>>);

#[derive(Debug)]
struct Running {
    alarms: Option<mpsc::Sender<Alarm>>,
    thread: Option<JoinHandle<()>>,
}

/// Somebody who waits until a moment. Letting it go tells them.
#[derive(Debug)]
struct Alarm {
    at: Instant,
    waiting: oneshot::Sender<()>,
}

impl Clock {
    /// What `work` gives, or nothing when it is not ready at that moment.
    pub(crate) async fn until<T>(
        &self,
        at: Option<Instant>,
        work: impl Future<Output = T>,
    ) -> Result<Option<T>> {
        let mut work = pin!(work);
        let mut rings = None;
        std::future::poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Ok(Some(done)));
            }
            let Some(at) = at else { return Poll::Pending };
            let rings = match &mut rings {
                Some(rings) => rings,
                none => match self.alarm(at) {
                    Ok(alarm) => none.insert(alarm),
                    Err(error) => return Poll::Ready(Err(error)),
                },
            };
            Pin::new(rings).poll(context).map(|_| Ok(None))
        })
        .await
    }

    /// Ends at that moment.
    fn alarm(&self, at: Instant) -> Result<oneshot::Receiver<()>> {
        let (waiting, rings) = oneshot::channel();
        // Nothing in it can be half done.
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let running = match &mut *running {
            Some(running) => running,
            none => none.insert(Running::start()?),
        };
        if let Some(alarms) = &running.alarms {
            drop(alarms.send(Alarm { at, waiting }));
        }
        Ok(rings)
    }
}

impl Running {
    fn start() -> Result<Self> {
        let (alarms, receiver) = mpsc::channel();
        let thread = spawn("es-sqlite-clock".to_owned(), move || run(&receiver))?;
        Ok(Self { alarms: Some(alarms), thread: Some(thread) })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.alarms = None;
        if let Some(thread) = self.thread.take() {
            end(thread);
        }
    }
}

/// Rings until there is nobody left who could ask.
fn run(receiver: &mpsc::Receiver<Alarm>) {
    let mut alarms = BinaryHeap::new();
    let mut most = FORGOTTEN;
    loop {
        let next = match alarms.peek() {
            None => receiver.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
            Some(Reverse(Alarm { at, .. })) => {
                receiver.recv_timeout(at.saturating_duration_since(Instant::now()))
            }
        };
        match next {
            Ok(alarm) => alarms.push(Reverse(alarm)),
            Err(mpsc::RecvTimeoutError::Timeout) => drop(alarms.pop()),
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
        if alarms.len() > most {
            alarms.retain(|Reverse(alarm)| !alarm.waiting.is_closed());
            most = alarms.len().saturating_mul(2).max(FORGOTTEN);
        }
    }
}

impl Ord for Alarm {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}

impl PartialOrd for Alarm {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Alarm {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Alarm {}

#[cfg(test)]
mod tests;
