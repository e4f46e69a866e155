//! What comes of comparing a program with its lock.

use std::{error::Error, fmt, path::PathBuf};

use es_core::Schema;

/// One thing in which a program and its lock differ.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchemaFinding {
    /// The event and its version.
    pub schema: Schema,
    /// What is different, and what to do about it if it is not safe.
    pub what: String,
    is_safe: bool,
}

impl SchemaFinding {
    pub(super) fn safe(schema: &Schema, what: impl Into<String>) -> Self {
        Self { schema: schema.clone(), what: what.into(), is_safe: true }
    }

    pub(super) fn not_safe(schema: &Schema, what: impl Into<String>) -> Self {
        Self { schema: schema.clone(), what: what.into(), is_safe: false }
    }

    /// Whether it may be accepted: everything that was written can still be read.
    #[must_use]
    pub const fn is_safe(&self) -> bool {
        self.is_safe
    }
}

impl fmt::Display for SchemaFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}: {}", self.schema.name, self.schema.version, self.what)
    }
}

/// Why a schema lock does not hold.
#[non_exhaustive]
pub enum SchemaLockError {
    /// The file cannot be read or written.
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is not what a lock wrote.
    Format {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The program differs from the lock.
    Changed {
        /// Which lock.
        path: PathBuf,
        /// In what.
        findings: Vec<SchemaFinding>,
    },
}

impl SchemaLockError {
    /// In what the program differs from the lock.
    #[must_use]
    pub fn findings(&self) -> &[SchemaFinding] {
        match self {
            Self::Changed { findings, .. } => findings,
            Self::File { .. } | Self::Format { .. } => &[],
        }
    }
}

impl fmt::Display for SchemaLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, .. } => write!(f, "cannot use the schema lock {}", path.display()),
            Self::Format { path, reason } => {
                write!(f, "{} is no schema lock: {reason}", path.display())
            }
            Self::Changed { path, findings } => {
                write!(f, "the events differ from {}", path.display())?;
                let (safe, not_safe): (Vec<_>, Vec<_>) =
                    findings.iter().partition(|finding| finding.is_safe);
                if !not_safe.is_empty() {
                    f.write_str("\nnot safe, mend it:")?;
                }
                not_safe.iter().try_for_each(|finding| write!(f, "\n  {finding}"))?;
                if !safe.is_empty() {
                    let accept = super::SchemaLock::ACCEPT;
                    write!(f, "\nsafe, run this test with {accept}=1 to accept it:")?;
                }
                safe.iter().try_for_each(|finding| write!(f, "\n  {finding}"))
            }
        }
    }
}

/// As `Display`: it is what a test shows that unwraps it.
impl fmt::Debug for SchemaLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        match self.source() {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl Error for SchemaLockError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            Self::Format { .. } | Self::Changed { .. } => None,
        }
    }
}
