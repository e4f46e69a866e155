//! The layer around a store: spans, measurements, and the context of the trace in each event.

mod append;
mod read;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use es_core::{
    AppendRequest, Backend, Capabilities, Durability, Error, ErrorKind, EventStore, FoldStream,
    Head, PageStream, Position, Read, Receipt, Result,
};

pub(crate) use append::AppendAttributes;
pub(crate) use read::{ReadAttributes, ReadKey};

use crate::observer::Recorder;

/// A store that is traced and measured.
#[derive(Debug)]
pub(crate) struct Traced {
    recorder: Arc<Recorder>,
    inner: Backend,
}

impl Traced {
    pub(crate) const fn new(recorder: Arc<Recorder>, inner: Backend) -> Self {
        Self { recorder, inner }
    }

    /// Counts a log that is not what it was.
    fn noticed<T>(&self, result: Result<T>) -> Result<T> {
        result.inspect_err(|error| self.recorder.notice(error))
    }
}

impl Recorder {
    fn notice(&self, error: &Error) {
        if error.kind() == ErrorKind::LogDiverged {
            self.instruments.log_regressions.add(1, &[]);
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl EventStore for Traced {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        append::traced(&self.recorder, &self.inner, append).await
    }

    fn read(&self, read: Read) -> PageStream {
        let traced =
            read::traced(&self.recorder, &self.inner, read, |inner, read| inner.read(read));
        Box::pin(traced)
    }

    fn read_to_fold(&self, read: Read) -> FoldStream {
        let begin = |inner: &Backend, read| inner.read_to_fold(read);
        Box::pin(read::traced(&self.recorder, &self.inner, read, begin))
    }

    async fn head(&self) -> Result<Head> {
        self.noticed(self.inner.head().await)
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        self.noticed(self.inner.wait(after).await)
    }

    async fn durability(&self) -> Result<Durability> {
        self.inner.durability().await
    }
}

impl fmt::Display for Traced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with telemetry", self.inner)
    }
}
