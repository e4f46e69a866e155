//! What executing a command can fail with.

use std::{error::Error as StdError, fmt};

/// Why a command was not executed.
#[derive(Debug)]
pub enum ExecuteError<E> {
    /// The domain refused it, on state that was fresh. Nothing was written.
    Rejected(E),
    /// The store failed. Its kind says whether anything was written.
    Store(es_core::Error),
}

impl<E> ExecuteError<E> {
    /// The domain's refusal, if it is one.
    pub const fn rejected(&self) -> Option<&E> {
        match self {
            Self::Rejected(error) => Some(error),
            Self::Store(_) => None,
        }
    }

    /// The store's error, if it is one.
    pub const fn store(&self) -> Option<&es_core::Error> {
        match self {
            Self::Rejected(_) => None,
            Self::Store(error) => Some(error),
        }
    }
}

impl<E> From<es_core::Error> for ExecuteError<E> {
    fn from(error: es_core::Error) -> Self {
        Self::Store(error)
    }
}

impl<E> fmt::Display for ExecuteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rejected(_) => "the command was rejected",
            Self::Store(_) => "the command could not be executed",
        })
    }
}

impl<E: StdError + 'static> StdError for ExecuteError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Rejected(error) => Some(error),
            Self::Store(error) => Some(error),
        }
    }
}
