//! One step from an old form to newer ones.

use std::{error::Error as StdError, fmt, sync::Arc};

use crate::{BoxError, Payload, Schema};

type Change = dyn Fn(Payload) -> Result<Payload, BoxError> + Send + Sync;
type Split = dyn Fn(Payload) -> Result<Vec<(Schema, Payload)>, BoxError> + Send + Sync;

/// One step from an old form to newer ones.
#[derive(Clone)]
pub(super) enum Step {
    /// To one form, with the payload as it is.
    Rename { to: Schema },
    /// To one form, with another payload.
    Change { to: Schema, change: Arc<Change> },
    /// To several events.
    Split { to: Vec<Schema>, split: Arc<Split> },
    /// To none.
    Drop,
}

impl Step {
    /// The forms that it may lead to.
    pub(super) fn targets(&self) -> &[Schema] {
        match self {
            Self::Rename { to } | Self::Change { to, .. } => std::slice::from_ref(to),
            Self::Split { to, .. } => to,
            Self::Drop => &[],
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self {
            Self::Rename { .. } => "rename to",
            Self::Change { .. } => "change to",
            Self::Split { .. } => "split into",
            Self::Drop => return f.write_str("drop"),
        };
        f.write_str(verb)?;
        for (at, to) in self.targets().iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma} {} v{}", to.name, to.version)?;
        }
        Ok(())
    }
}

/// Why an event could not be brought to its newest form: the step that failed, and what it
/// failed with as the source.
#[derive(Debug)]
pub(super) struct StepFailed {
    pub(super) from: Schema,
    pub(super) source: BoxError,
}

impl fmt::Display for StepFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the upcaster from {} failed", self.from)
    }
}

impl StdError for StepFailed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source: &(dyn StdError + 'static) = &*self.source;
        Some(source)
    }
}
