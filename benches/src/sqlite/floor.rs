//! The floor: one connection, one transaction per call, prepared statements, the tables of
//! the store.

use std::path::Path;

use eventsource::{NewEvent, sqlite::SqliteStore};
use rusqlite::{Connection, TransactionBehavior, params};

use crate::{
    domain::{Account, AccountEvent, account},
    plain,
};
use eventsource::prelude::*;

pub(super) struct Floor {
    connection: Connection,
    position: i64,
}

impl Floor {
    /// Makes the tables by opening a store, and then writes to them directly. One stream is
    /// there, with one event.
    pub(super) async fn new(file: &Path) -> anyhow::Result<Self> {
        let store = Store::new(SqliteStore::open(file).await?);
        let first = AccountEvent::numbered(0);
        store.append(Append::to(account(0)?, ExpectedVersion::NoStream).event(&first)).await?;
        drop(store);
        let connection = Connection::open(file)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", false)?;
        Ok(Self { connection, position: 1 })
    }

    /// The least that an append does: one transaction, a row for each event.
    pub(super) fn append(&mut self, events: &[NewEvent]) -> anyhow::Result<()> {
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut insert = tx.prepare_cached(
                "INSERT INTO es_events (position, stream, version, family, recorded_at, id, \
                 schema_version, part, parts, payload) VALUES (?1, 1, ?1, 1, ?2, ?3, ?4, ?5, \
                 ?6, ?7)",
            )?;
            let parts = i64::try_from(events.len())?;
            for (part, event) in (0_i64..).zip(events) {
                self.position += 1;
                let id = event.id.as_uuid();
                let now = eventsource::Timestamp::now().as_micros();
                insert.execute(params![
                    self.position,
                    now,
                    id.as_bytes(),
                    event.schema.version,
                    part,
                    parts,
                    &event.payload.bytes()[..],
                ])?;
            }
        }
        tx.commit()?;
        Ok(())
    }
}

/// Selects, decodes and folds; `stream` is the number of its row, none for the whole log.
pub(super) fn fold(connection: &Connection, stream: Option<i64>) -> anyhow::Result<Account> {
    let sql = match stream {
        Some(_) => {
            "SELECT e.payload, f.type, e.schema_version FROM es_events e \
             JOIN es_families f ON f.id = e.family WHERE e.stream = ?1 ORDER BY e.version"
        }
        None => {
            "SELECT e.payload, f.type, e.schema_version FROM es_events e \
             JOIN es_families f ON f.id = e.family WHERE ?1 IS NULL ORDER BY e.position"
        }
    };
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([stream])?;
    let mut state = Account::default();
    while let Some(row) = rows.next()? {
        // As serde would decode the fields; the tag is the type.
        let event = plain::decode(row.get_ref(1)?.as_str()?, row.get_ref(0)?.as_blob()?)?;
        state.evolve(&event);
    }
    Ok(state)
}
