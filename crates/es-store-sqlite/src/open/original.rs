//! The file of a log that is open, found again by whoever copies it.
//!
//! # Hazard
//! A path may mean another file by now: it was relative and the process went to another folder, or
//! somebody moved the file. A copy of whatever is there would be taken for a backup. And to
//! open whatever is there takes the write-ahead log away, which goes by name, from those who
//! have the moved file open.
//! # Mechanism
//! The path is what SQLite made of it when the log was opened. What is there must be the same
//! file, as far as the system tells files apart, before it is opened, which makes none; and it
//! must hold this log, as far as it had got.
//! # What it costs
//! A look at the file system. Where that does not tell files apart, the log does.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use es_core::{Error, ErrorKind, LogId, Position, Result};
use rusqlite::{Connection, OpenFlags};

use super::{Place, connect_to, log_id};
use crate::{error::from_driver, read};

/// The file of a log that is open.
#[derive(Clone, Debug)]
pub(crate) struct Original {
    path: PathBuf,
    log: LogId,
    identity: Option<Identity>,
}

/// The device and the number of a file there.
type Identity = (u64, u64);

impl Original {
    /// The file that `connection` has open, as `path` while SQLite has no better name.
    pub(crate) fn new(connection: &Connection, path: &Path, log: LogId) -> Self {
        let path = connection.path().map_or_else(|| path.to_owned(), PathBuf::from);
        let identity = identity(&path);
        Self { path, log, identity }
    }

    /// Opens a connection to copy the log with, which ends at `head` or later.
    pub(crate) fn connect(&self, head: Position, patience: Duration) -> Result<Connection> {
        if !self.path.exists() || identity(&self.path) != self.identity {
            return Err(self.moved());
        }
        let place = Place::File(self.path.clone());
        let connection = connect_to(&place, patience, OpenFlags::empty())?;
        let has_log = "SELECT count(*) FROM sqlite_schema WHERE name = 'es_log'";
        let has_log = connection.query_row(has_log, [], |row| row.get::<_, bool>(0));
        let is_the_log = has_log.map_err(from_driver)?
            && log_id(&connection)? == self.log
            && read::head(&connection)? >= head;
        if is_the_log { Ok(connection) } else { Err(self.moved()) }
    }

    fn moved(&self) -> Error {
        let message = format!(
            "{} is not the log any more that was opened (moved, deleted, or another file in its \
             place): nothing was copied; open it again where it is",
            Place::File(self.path.clone())
        );
        Error::new(ErrorKind::Invalid, message)
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;

    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity(_: &Path) -> Option<Identity> {
    None
}
