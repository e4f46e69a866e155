//! One worker as its runner holds it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use crate::{
    board::{Command, Order},
    slices::Share,
    worker::{self, End, Job, Surroundings},
};

/// One worker as its runner holds it.
pub(super) struct Seat {
    pub(super) job: Arc<Job>,
    share: Option<Arc<Share>>,
    at_work: Mutex<AtWork>,
}

struct AtWork {
    orders: watch::Sender<Order>,
    commands: mpsc::Sender<Command>,
    task: Option<JoinHandle<End>>,
}

impl Seat {
    /// Puts a worker to work.
    pub(super) fn start(
        job: Arc<Job>,
        around: &Arc<Surroundings>,
        share: Option<Arc<Share>>,
    ) -> Self {
        let at_work = Mutex::new(begin(&job, around, share.clone()));
        Self { job, share, at_work }
    }

    /// Says what is to be done from now on.
    pub(super) fn order(&self, order: Order) {
        self.lock().orders.send_replace(order);
    }

    /// Lets it work: on, or again if the worker has ended.
    pub(super) fn resume(&self, around: &Arc<Surroundings>) {
        let mut at_work = self.lock();
        if at_work.task.as_ref().is_none_or(JoinHandle::is_finished) {
            *at_work = begin(&self.job, around, self.share.clone());
        } else {
            at_work.orders.send_replace(Order::Run);
        }
    }

    pub(super) fn commands(&self) -> mpsc::Sender<Command> {
        self.lock().commands.clone()
    }

    /// The task, to be waited for. From then on the seat does not stop it when it drops.
    pub(super) fn take(&self) -> Option<JoinHandle<End>> {
        self.lock().task.take()
    }

    /// What it was asked to do last, which its worker may not show yet.
    pub(super) fn orders(&self) -> watch::Receiver<Order> {
        self.lock().orders.subscribe()
    }

    /// Whether nobody works in it.
    pub(super) fn is_gone(&self) -> bool {
        self.lock().task.as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn lock(&self) -> MutexGuard<'_, AtWork> {
        // Nothing that can panic happens under the lock.
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn begin(job: &Arc<Job>, around: &Arc<Surroundings>, share: Option<Arc<Share>>) -> AtWork {
    let orders = watch::Sender::new(Order::Run);
    let (commands, received) = mpsc::channel(16);
    let (job, around) = (Arc::clone(job), Arc::clone(around));
    job.board.state(crate::State::Starting);
    let task = tokio::spawn(worker::run(job, around, orders.subscribe(), received, share, None));
    AtWork { orders, commands, task: Some(task) }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(task) = self.lock().task.take() {
            task.abort();
        }
    }
}
