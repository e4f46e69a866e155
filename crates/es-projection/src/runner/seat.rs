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
    ///
    /// That it has ended shows before its task is done: whoever has seen it failed and asks
    /// for more in that moment must not be told to somebody who has stopped listening.
    pub(super) fn resume(&self, around: &Arc<Surroundings>) {
        let mut at_work = self.lock();
        let has_ended = self.job.board.view().state.is_over();
        if has_ended || at_work.task.as_ref().is_none_or(JoinHandle::is_finished) {
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
    // Where it was before it ended may be behind a replay by now.
    job.board.change(|view| (view.state, view.log) = (crate::State::Starting, None));
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

#[cfg(test)]
mod tests {
    //! A worker that has ended and whose task is not done yet.

    use std::time::Duration;

    use es_core::{BoxError, Event, Position, Recorded, Store};
    use es_store_memory::{MemoryReadModel, MemoryStore, MemoryTx};

    use super::*;
    use crate::{Projection, Runner, State, board::View};

    #[derive(Event)]
    enum Nothing {
        Happened,
    }

    struct Idle;

    impl Projection for Idle {
        const NAME: &'static str = "idle";
        type Event = Nothing;
        type Tx = MemoryTx;

        async fn apply(&self, _: &Recorded<Nothing>, _: &mut MemoryTx) -> Result<(), BoxError> {
            Ok(())
        }
    }

    /// Whoever sees that it has failed may ask for more at once.
    #[tokio::test]
    async fn it_works_again_also_if_its_task_is_still_to_end() {
        let store = Store::new(MemoryStore::new());
        let mut runner = Runner::new(store).project(Idle, MemoryReadModel::new());
        let around = runner.surroundings().unwrap();
        let job = Arc::clone(&runner.jobs[0]);
        let seat = Seat::start(Arc::clone(&job), &around, None);
        let mut views = job.board.watch();
        let live = async |views: &mut watch::Receiver<View>| {
            let is_live = views.wait_for(|view| view.state == State::Live);
            let waited = tokio::time::timeout(Duration::from_secs(20), is_live).await;
            waited.expect("it works").expect("it is there").position
        };
        assert_eq!(live(&mut views).await, Position::START);
        seat.order(Order::Stop);
        seat.take().expect("it is at work").await.expect("it ends by itself");
        seat.lock().task = Some(tokio::spawn(std::future::pending()));
        seat.resume(&around);
        live(&mut views).await;
    }
}
