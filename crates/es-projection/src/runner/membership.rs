//! The task by which a process shows that it works on slices, as its runner holds it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use es_core::SubscriberName;
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    slices::{Member, Share, Signs},
    worker::{Job, Surroundings},
};

/// The task by which a process shows that it works on the slices of one projection.
pub(super) struct Membership {
    pub(super) whole: SubscriberName,
    pub(super) share: Arc<Share>,
    job: Arc<Job>,
    count: u16,
    lease: Duration,
    task: Mutex<Option<Task>>,
}

struct Task {
    stop: watch::Sender<bool>,
    handle: JoinHandle<()>,
}

impl Membership {
    /// For the projection that `job` is a slice of; `None` when it is in one piece, or all
    /// slices are worked on here, because there are no leases.
    pub(super) fn start(job: &Arc<Job>, around: &Arc<Surroundings>) -> Option<Self> {
        let (slice, lease) = (job.slice?, around.timing.lease?);
        let membership = Self {
            whole: job.whole.clone(),
            share: Share::new(),
            job: Arc::clone(job),
            count: slice.count(),
            lease,
            task: Mutex::new(None),
        };
        membership.resume(around);
        Some(membership)
    }

    /// Goes on, if it had ended.
    pub(super) fn resume(&self, around: &Arc<Surroundings>) {
        let mut task = self.lock();
        if task.as_ref().is_some_and(|task| !task.handle.is_finished()) {
            return;
        }
        let member = Member {
            share: Arc::clone(&self.share),
            store: around.store.clone(),
            engine: Arc::clone(&self.job.engine),
            whole: self.whole.clone(),
            count: self.count,
            owner: around.owner.clone(),
            lease: self.lease,
            place: None,
            signs: Signs::default(),
        };
        let stop = watch::Sender::new(false);
        let handle = tokio::spawn(member.keep(stop.subscribe()));
        *task = Some(Task { stop, handle });
    }

    /// Asks it to give up its place, and gives the task to wait for.
    pub(super) fn stop(&self) -> Option<JoinHandle<()>> {
        let task = self.lock().take()?;
        task.stop.send_replace(true);
        Some(task.handle)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Task>> {
        // Nothing that can panic happens under the lock.
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if let Some(task) = self.lock().take() {
            task.handle.abort();
        }
    }
}
