//! From a file to connections that can be trusted: looked at before it is touched, then
//! configured, then migrated.

mod inspect;
mod migrate;
mod original;
mod parts;

use std::{
    fmt::{self, Display},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use es_core::{Error, ErrorKind, LogId, Result};
use rusqlite::{Connection, OpenFlags, config::DbConfig};

pub(crate) use original::Original;
pub(crate) use parts::{PROGRESS, Part, SNAPSHOTS};

use crate::{
    error::{damaged, from_driver},
    options::{SqliteOptions, Synchronous},
    wal,
};

/// How many microseconds pass before a lock that another process has is asked for again: less
/// than a commit takes, and never in step with another who waits.
pub(crate) const PAUSE: std::ops::Range<u64> = 100..1_000;

/// Where a database is.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// In a file.
    File(PathBuf),
    /// In the memory of the process.
    Memory,
}

impl Place {
    pub(crate) fn is_memory(&self) -> bool {
        matches!(self, Self::Memory)
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "sqlite:{}", path.display()),
            Self::Memory => f.write_str("sqlite::memory:"),
        }
    }
}

/// Opens the connection that writes; makes the log if there is none.
pub(crate) fn writer(place: &Place, options: &SqliteOptions) -> Result<(Connection, LogId)> {
    // SQLite's own patience would not heed the deadline of an append, so it has none here.
    let mut connection = connect(place, Duration::ZERO)?;
    patiently(options.busy_timeout, || {
        inspect::check(&connection, place)?;
        configure(&connection, place, options)?;
        // The one who writes the log never breaks them, and looking costs.
        connection.pragma_update(None, "foreign_keys", false).map_err(from_driver)?;
        migrate::migrate(&mut connection)
    })?;
    let id = log_id(&connection)?;
    Ok((connection, id))
}

/// Opens a connection that writes the tables of `part`, in whatever database is there, and
/// makes them and the file if they are not.
pub(crate) fn beside(place: &Place, part: &Part, options: &SqliteOptions) -> Result<Connection> {
    let mut connection = connect(place, Duration::ZERO)?;
    patiently(options.busy_timeout, || {
        if inspect::check_beside(&connection, place)? {
            configure(&connection, place, options)?;
        } else {
            configure_as_it_is(&connection, options).map_err(from_driver)?;
        }
        parts::migrate(&mut connection, part, place)?;
        leave_to_the_log(&connection).map_err(from_driver)
    })?;
    Ok(connection)
}

/// In the file of a log, whose store carries the write-ahead log over, has `connection` do so
/// only when that store does not: with SQLite's own thousand pages, each of its commits would
/// while the log is longer than that.
fn leave_to_the_log(connection: &Connection) -> rusqlite::Result<()> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'es_streams'";
    if connection.query_row(sql, [], |row| row.get::<_, i64>(0))? > 0 {
        connection.pragma_update(None, "wal_autocheckpoint", wal::FOR_OTHERS)?;
    }
    Ok(())
}

/// Opens a connection to carry the write-ahead log over with. What it brings to the disk, it
/// brings there as the writer's commits do.
pub(crate) fn carrier(path: &Path, options: &SqliteOptions) -> Result<Connection> {
    let connection = connect(&Place::File(path.to_owned()), Duration::ZERO)?;
    set_for_connection(&connection, options).map_err(from_driver)?;
    Ok(connection)
}

/// Opens a connection that only reads what is there.
pub(crate) fn reader(path: &Path, options: &SqliteOptions) -> Result<Connection> {
    let connection = connect(&Place::File(path.to_owned()), options.busy_timeout)?;
    connection.pragma_update(None, "query_only", true).map_err(from_driver)?;
    Ok(connection)
}

/// Opens a connection that only reads and never waits for a lock.
pub(crate) fn impatient(path: &Path, options: &SqliteOptions) -> Result<Connection> {
    let connection = reader(path, options)?;
    connection.busy_timeout(Duration::ZERO).map_err(from_driver)?;
    Ok(connection)
}

fn connect(place: &Place, patience: Duration) -> Result<Connection> {
    connect_to(place, patience, OpenFlags::SQLITE_OPEN_CREATE)
}

/// Connects to what is there already, but for what `more` flags say.
fn connect_to(place: &Place, patience: Duration, more: OpenFlags) -> Result<Connection> {
    let opened = match place {
        Place::Memory => Connection::open_in_memory(),
        Place::File(path) => {
            if path.as_os_str().as_encoded_bytes().contains(&0) {
                let message = format!(
                    "{:?} cannot be opened: no path has a NUL byte in it, name another file",
                    place.to_string()
                );
                return Err(Error::new(ErrorKind::Invalid, message));
            }
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            Connection::open_with_flags(path, flags | more)
        }
    };
    let connection = opened.map_err(|error| {
        let message =
            format!("{place} cannot be opened: is its folder there, and are both writable?");
        Error::new(ErrorKind::Unavailable, message).with_source(error)
    })?;
    be_patient(&connection, patience).map_err(from_driver)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Or each new value that is bound has the statement prepared again, in case another plan
    // suits it better. There is one that suits, and tests hold it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(from_driver)?;
    Ok(connection)
}

/// Has SQLite itself wait so long for a lock. It counts milliseconds, 24 days of them.
pub(crate) fn be_patient(connection: &Connection, patience: Duration) -> rusqlite::Result<()> {
    connection.busy_timeout(patience.min(Duration::from_millis(i32::MAX.unsigned_abs().into())))
}

/// Does it again while another process is in the way. SQLite's own patience does not cover
/// all of what opening does: not the change of the journal mode, for one.
pub(crate) fn patiently<T>(patience: Duration, mut act: impl FnMut() -> Result<T>) -> Result<T> {
    let begun = Instant::now();
    loop {
        match act() {
            Err(error) if error.kind() == ErrorKind::Busy && begun.elapsed() < patience => {
                thread::sleep(Duration::from_micros(fastrand::u64(PAUSE)));
            }
            result => return result,
        }
    }
}

/// Sets what durability rests on, and looks whether it holds.
fn configure(connection: &Connection, place: &Place, options: &SqliteOptions) -> Result<()> {
    let set = || -> rusqlite::Result<String> {
        // The mode is kept in the file; a name that cannot have a write-ahead log keeps its
        // old one and says so.
        let mode = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))?;
        set_for_connection(connection, options)?;
        Ok(mode)
    };
    let mode = set().map_err(from_driver)?;
    if mode != "wal" && !place.is_memory() {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "{place} cannot have a write-ahead log (journal mode {mode:?}): use a local disk"
            ),
        ));
    }
    Ok(())
}

/// Leaves the file as another program made it. Without a write-ahead log less than `FULL`
/// might damage it in a power cut.
fn configure_as_it_is(connection: &Connection, options: &SqliteOptions) -> rusqlite::Result<()> {
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if mode == "wal" {
        return set_for_connection(connection, options);
    }
    set_for_connection(connection, &options.clone().with_synchronous(Synchronous::Full))
}

/// Sets what holds for one connection and is not kept in the file.
fn set_for_connection(connection: &Connection, options: &SqliteOptions) -> rusqlite::Result<()> {
    let synchronous = match options.synchronous {
        Synchronous::Full => "FULL",
        Synchronous::Normal => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    // What a savepoint would restore is kept in memory: as files it is most of an append.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Where fsync does not reach the disk (macOS), this does; elsewhere it means nothing.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    if let Some(pages) = options.max_pages {
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok(())
}

pub(crate) fn log_id(connection: &Connection) -> Result<LogId> {
    let id = connection.query_row("SELECT id FROM es_log", [], |row| row.get::<_, [u8; 16]>(0));
    match id {
        Ok(id) => Ok(LogId::from_uuid(uuid::Uuid::from_bytes(id))),
        Err(rusqlite::Error::QueryReturnedNoRows) => Err(damaged("the log has no identity")),
        Err(error) => Err(from_driver(error)),
    }
}
