//! What sends to a collector: a runtime of the pipeline's own.
//!
//! *Hazard.* Sending is a task of a runtime. Were it one of the program's, the thread that waits
//! for the last of it could be the one that has to run the task; and to ask tokio for another
//! thread is a panic where no task may block, within a `LocalSet`, while a guard is dropped as
//! well. *Mechanism.* A runtime with one thread, which runs nothing else. *Cost.* That thread.

use es_core::{Error, Result};
use tokio::runtime::{Builder, EnterGuard, Runtime};

/// Runs what sends, until it is dropped.
#[derive(Debug)]
pub(super) struct Sender(Option<Runtime>);

impl Sender {
    pub(super) fn start() -> Result<Self> {
        let mut runtime = Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).thread_name("es-telemetry").enable_all();
        let failed = |error| Error::fault("what sends to a collector cannot be started", error);
        runtime.build().map(|runtime| Self(Some(runtime))).map_err(failed)
    }

    /// What is made as long as this lives has its tasks here.
    pub(super) fn enter(&self) -> Option<EnterGuard<'_>> {
        self.0.as_ref().map(Runtime::enter)
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // To wait for its thread is not allowed within a runtime, and nothing is left to do.
            runtime.shutdown_background();
        }
    }
}
