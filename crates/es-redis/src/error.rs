//! What can go wrong, told apart by what a caller has to do about it.

use std::{error::Error as StdError, fmt};

/// The result of whatever Redis is asked to do.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The command may have been carried out: its reply did not come in time, or the
    /// connection broke while it was on its way.
    Lost,
    /// The server could not be reached, and the command was not sent.
    Unreachable,
    /// Too many commands are on their way, and this one was not sent.
    Busy,
    /// The server answered with an error; [`Error::refusal`] has it.
    Refused,
    /// A URL or a setting makes no sense. Trying again will not help.
    Invalid,
    /// The reply has another shape than the command's replies have.
    Unexpected,
}

/// An error of Redis, or on the way there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    refusal: Refusal,
}

/// The words of an error; those of a server begin with a prefix such as `OOM`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(String);

impl Refusal {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// The first word: `OOM`, `READONLY`, `NOSCRIPT`, `WRONGTYPE`, `NOAUTH`, `ERR` …
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.0.split(' ').next().unwrap_or_default()
    }

    /// All of it.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, refusal: Refusal::new(message) }
    }

    pub(crate) fn refused(refusal: Refusal) -> Self {
        Self { kind: ErrorKind::Refused, refusal }
    }

    /// An error about a reply that has not the shape that `what` has.
    #[must_use]
    pub fn unexpected(what: &str) -> Self {
        Self::new(ErrorKind::Unexpected, format!("{what}: the reply has another shape"))
    }

    /// What kind of error it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What the server answered, if it answered with an error.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        (self.kind == ErrorKind::Refused).then_some(&self.refusal)
    }

    /// The word for it: the prefix of what the server answered, or the kind.
    pub(crate) fn word(&self) -> &str {
        match self.kind {
            ErrorKind::Lost => "lost",
            ErrorKind::Unreachable => "unreachable",
            ErrorKind::Busy => "busy",
            ErrorKind::Refused => self.refusal.prefix(),
            ErrorKind::Invalid => "invalid",
            ErrorKind::Unexpected => "unexpected",
        }
    }

    /// Whether the server answered with an error of this prefix.
    #[must_use]
    pub fn is_refused_as(&self, prefix: &str) -> bool {
        self.refusal().is_some_and(|refusal| refusal.prefix() == prefix)
    }

    /// Whether the same command may succeed later and was not carried out: the server was
    /// not reached, had no room, or is not (yet) one that takes this command.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self.kind {
            ErrorKind::Unreachable | ErrorKind::Busy => true,
            ErrorKind::Refused => matches!(
                self.refusal.prefix(),
                "LOADING"
                    | "READONLY"
                    | "MASTERDOWN"
                    | "CLUSTERDOWN"
                    | "TRYAGAIN"
                    | "BUSY"
                    | "NOREPLICAS"
                    | "MISCONF"
                    | "OOM"
            ),
            _ => false,
        }
    }

    /// Whether another connection may lead to a server that takes the command.
    pub(crate) fn is_of_a_wrong_server(&self) -> bool {
        ["READONLY", "MASTERDOWN", "CLUSTERDOWN"].into_iter().any(|p| self.is_refused_as(p))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.refusal.message())
    }
}

impl StdError for Error {}
