//! Callers that use a store at the same time.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use tokio::task::JoinHandle;

/// Runs the futures as tasks, all at once, and gives their results in order. A panic in
/// one of them is a panic here.
pub(crate) async fn together<F>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    // Spawned before the first is awaited, or they would run one after another.
    let tasks: Vec<_> = futures.into_iter().map(tokio::spawn).collect();
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        results.push(join(task).await);
    }
    results
}

/// Runs `writers` to their end and `readers` beside them, and gives what the readers met.
/// The flag is set once the last writer is done.
pub(crate) async fn beside<W, R>(
    written: &Flag,
    writers: impl IntoIterator<Item = W>,
    readers: impl IntoIterator<Item = R>,
) -> Vec<R::Output>
where
    W: Future<Output = ()> + Send + 'static,
    R: Future<Output: Send + 'static> + Send + 'static,
{
    let readers: Vec<_> = readers.into_iter().map(tokio::spawn).collect();
    together(writers).await;
    written.0.store(true, Ordering::SeqCst);
    let mut results = Vec::with_capacity(readers.len());
    for reader in readers {
        results.push(join(reader).await);
    }
    results
}

/// Whether the writers are done.
#[derive(Clone, Default)]
pub(crate) struct Flag(Arc<AtomicBool>);

impl Flag {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Lets the other tasks have their turn.
pub(crate) async fn turns(count: usize) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}

/// Polls the future so many times, giving others a turn in between, and drops it.
pub(crate) async fn poll_and_drop<F: Future>(future: F, polls: usize) {
    let mut future = pin!(future);
    for _ in 0..polls {
        let once = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx)));
        if once.await.is_ready() {
            return;
        }
        turns(1).await;
    }
}

async fn join<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => panic!("a task of the case was cancelled: {error}"),
        },
    }
}
