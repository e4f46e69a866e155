//! The inbox: what makes the effect of a message exactly-once, in the transaction of the
//! effect.

use std::time::Duration;

use es_core::{Arrival, Envelope, Invalid, Part, Result, SubscriberName, Timestamp};
use rusqlite::Connection;

use crate::error::from_driver;

/// Remembers which messages have had their effect, in the database and the transaction of the
/// effect: what comes again after a crash, or from two relays, finds that it was here.
///
/// The table is `es_inbox`; messages are known by the event's id (and part), per handler. Each
/// arrival forgets a few messages that are older than what is kept, so the table stays as
/// large as the messages of that time.
///
/// ```
/// use std::time::Duration;
///
/// use es_core::{Recorded, SubscriberName};
/// use es_store_sqlite::{SqliteInbox, rusqlite::Connection};
///
/// fn book(db: &mut Connection, event: &Recorded) -> Result<(), Box<dyn std::error::Error>> {
///     let inbox = SqliteInbox::new(SubscriberName::from_static("stock"), Duration::from_secs(7 * 86_400));
///     let tx = db.transaction()?;
///     if inbox.accept(&tx, event)?.is_first() {
///         tx.execute("UPDATE stock SET pieces = pieces - 1", [])?;
///     }
///     tx.commit()?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct SqliteInbox {
    subscriber: SubscriberName,
    keep: Duration,
}

impl SqliteInbox {
    /// The inbox of a handler, which keeps messages for `keep`: longer than any message may
    /// take to come again.
    #[must_use]
    pub const fn new(subscriber: SubscriberName, keep: Duration) -> Self {
        Self { subscriber, keep }
    }

    /// Makes the table, if it is not there.
    ///
    /// # Errors
    /// `Busy`, `Unavailable` or `Fault`.
    pub fn create(connection: &Connection) -> Result<()> {
        connection.execute_batch(include_str!("inbox/table.sql")).map_err(from_driver)
    }

    /// Notes that `event` is here, and says whether it was before. It counts once
    /// `transaction` commits.
    ///
    /// # Errors
    /// `Invalid` outside of a transaction, where the note and the effect would come apart;
    /// `Busy`, `Unavailable` or `Fault`.
    pub fn accept(&self, transaction: &Connection, event: &Envelope) -> Result<Arrival> {
        if transaction.is_autocommit() {
            return Err(Invalid::Setting {
                setting: "the connection of an inbox",
                value: "not in a transaction".to_owned(),
                remedy: "begin one, and commit it with the effect",
            }
            .into());
        }
        let now = Timestamp::now();
        let keep = i64::try_from(self.keep.as_micros()).unwrap_or(i64::MAX);
        let oldest = now.as_micros().saturating_sub(keep);
        let forget = transaction.prepare_cached(include_str!("inbox/forget.sql"));
        forget
            .and_then(|mut forget| forget.execute((self.subscriber.as_str(), oldest)))
            .map_err(from_driver)?;
        let accept = transaction.prepare_cached(include_str!("inbox/accept.sql"));
        let row = (self.subscriber.as_str(), message(event), now.as_micros());
        let noted = accept.and_then(|mut accept| accept.execute(row)).map_err(from_driver)?;
        Ok(if noted == 1 { Arrival::First } else { Arrival::Again })
    }
}

/// What tells one message from another.
fn message(event: &Envelope) -> String {
    match event.part {
        Part::Split { index, .. } => format!("{}.{index}", event.id),
        _ => event.id.to_string(),
    }
}

#[cfg(test)]
mod tests;
