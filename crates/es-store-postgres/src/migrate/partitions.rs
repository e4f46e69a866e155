//! Partitions of the events: chosen with the first step, and made ahead of need.
//!
//! # Hazard
//! An append whose position has no partition fails, and the usual way to make one stops every
//! reader and writer of the table.
//! # Mechanism
//! A partition is made on its own and then attached, under a lock that conflicts with no reader
//! and no writer, and before it is needed: a task of each store that appends keeps a whole empty
//! one ahead. Should it not have come to that, an append writes nothing and says so, and whoever
//! sent it makes room and sends it again.
//! # Why it is sound
//! Making, opening and writing are transactions of their own, one after the other, and a reader
//! reads no further than a place that it has learnt before; so by the time that it may meet an
//! event, the partition of that event is known to everybody. Whoever makes partitions waits for
//! no append, so an append, or a transaction that holds the lock of the log, may wait for it. It
//! does so for two seconds at most.
//! # What it costs
//! Some milliseconds for each partition, and a look at one row for each call that appends.

use std::time::Duration;

use deadpool_postgres::Object;
use es_core::{Error, ErrorKind, Invalid, Position, Result};
use tokio::sync::watch;
use tokio_postgres::{GenericClient, types::Type};

use crate::{
    append::signed,
    connect::Connections,
    error::{damaged, from_driver},
    names::Names,
    read::unsigned,
};

/// How long after a failure the next try is.
const AGAIN: Duration = Duration::from_secs(1);

/// The statements that make room, with the names of the tables in them.
#[derive(Debug)]
pub(crate) struct Maker {
    make: String,
    open: String,
    size: String,
    room: String,
}

impl Maker {
    pub(crate) fn new(names: &Names) -> Self {
        Self {
            make: names.sql("SELECT {es}make_partitions($1)"),
            open: names.sql("SELECT {es}open_partitions()"),
            size: names.sql("SELECT partition_size FROM {es}log"),
            room: names.sql("SELECT l.room, {head} FROM {es}log l"),
        }
    }

    /// Makes the partitions up to `through`, lets writers use them, and gives how far there is
    /// room. In two transactions, unless `client` is in one.
    pub(crate) async fn make(
        &self,
        client: &(impl GenericClient + Sync),
        through: u64,
    ) -> Result<u64> {
        let fails = |error| from_driver(None, error);
        client.execute_typed(&self.make, &[(&signed(through), Type::INT8)]).await.map_err(fails)?;
        let row = client.query_typed_one(&self.open, &[]).await.map_err(fails)?;
        unsigned(row.try_get(0).map_err(damaged)?)
    }

    /// Has news of the partitions sent to all sessions: one that has missed some does not see the
    /// last of them (`read/sight.rs`).
    pub(crate) async fn tell(&self, client: &(impl GenericClient + Sync)) -> Result<()> {
        let told = client.query_typed_one(&self.open, &[]).await;
        told.map(drop).map_err(|error| from_driver(None, error))
    }

    /// Up to where partitions are lacking for so many events more, if they are.
    pub(crate) async fn lacking(
        &self,
        client: &(impl GenericClient + Sync),
        events: usize,
    ) -> Result<Option<u64>> {
        let row = client.query_typed_one(&self.room, &[]).await;
        let row = row.map_err(|error| from_driver(None, error))?;
        let place = |at| unsigned(row.try_get(at).map_err(damaged)?);
        let (room, behind) = (place(0)?, place(1)?.saturating_add(events as u64));
        Ok((room < behind).then_some(behind))
    }

    /// How many positions a partition has.
    async fn size(&self, client: &(impl GenericClient + Sync)) -> Result<u64> {
        let row = client.query_typed_one(&self.size, &[]).await;
        let row = row.map_err(|error| from_driver(None, error))?;
        unsigned(row.try_get(0).map_err(damaged)?)
    }
}

/// Notes how large partitions are, and makes the first.
pub(super) async fn begin(
    tx: &(impl GenericClient + Sync),
    names: &Names,
    positions: u64,
) -> Result<()> {
    let sql = names.sql("UPDATE {es}log SET partition_size = $1");
    let noted = tx.execute_typed(&sql, &[(&signed(positions), Type::INT8)]).await;
    noted.map_err(|error| from_driver(None, error))?;
    // Nobody has seen the tables, so nobody can miss what one transaction makes and opens.
    Maker::new(names).make(tx, positions).await.map(drop)
}

/// Refuses tables that are not as a store was asked to open them, and a log that has lost a part:
/// what is left would be read as if it were the whole.
pub(super) async fn check(client: &Object, names: &Names, wanted: Option<u64>) -> Result<()> {
    if names.layout().is_partitioned {
        let sql = names.sql(
            "SELECT count(*), max(n) FROM {es}log l, generate_series(1, l.room / l.partition_size) n \
             WHERE NOT EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhparent = '{es}events'::regclass \
             AND i.inhrelid = to_regclass('{es}events_' || n))",
        );
        let row = client.query_typed_one(&sql, &[]).await;
        let row = row.map_err(|error| from_driver(None, error))?;
        let missing: i64 = row.try_get(0).map_err(damaged)?;
        if missing > 0 {
            let last: i64 = row.try_get(1).map_err(damaged)?;
            let message = format!(
                "{missing} partitions of {0}events, of which {0}events_{last} is the last, are not \
                 attached, and what they hold would be passed over: attach them again \
                 (docs/postgresql.md)",
                names.qualified()
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
    }
    let Some(wanted) = wanted else { return Ok(()) };
    let setting = "the positions of a partition";
    let (value, remedy) = if names.layout().is_partitioned {
        let there = Maker::new(names).size(&***client).await?;
        if there == wanted {
            return Ok(());
        }
        let remedy = "the log is in partitions of another size, which stays: leave the option out";
        (format!("{wanted}, where the tables have {there}"), remedy)
    } else {
        let remedy = "the tables are there and have no partitions: leave the option out, or take \
                      another schema or prefix for a new log";
        (wanted.to_string(), remedy)
    };
    Err(Invalid::Setting { setting, value, remedy }.into())
}

/// Makes the partitions up to `through`, and gives how far there is room.
pub(crate) async fn make_through(
    client: &Object,
    names: &Names,
    through: Position,
) -> Result<Position> {
    if !names.layout().is_partitioned {
        let message = format!(
            "the log {}* is not partitioned: it was made without `with_partitions`",
            names.qualified()
        );
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    Maker::new(names).make(&***client, through.get()).await.map(Position::new)
}

/// Keeps an empty partition ahead of the log while it grows.
pub(crate) async fn keep_ahead(
    connections: Connections,
    names: Names,
    mut head: watch::Receiver<Position>,
) {
    // How large a partition is, and how far there is room, as far as is known.
    let mut known: Option<(u64, u64)> = None;
    let maker = Maker::new(&names);
    loop {
        let last = head.borrow_and_update().get();
        let is_enough = known.is_some_and(|(size, room)| last.saturating_add(size) <= room);
        if !is_enough {
            match ahead(&connections, &maker, last).await {
                Ok(made) => known = Some(made),
                Err(error) => {
                    tracing::warn!(error = %error, "could not make partitions ahead of the log");
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
            }
        }
        if head.changed().await.is_err() {
            return;
        }
    }
}

/// Makes one partition more than the next events need.
async fn ahead(connections: &Connections, maker: &Maker, last: u64) -> Result<(u64, u64)> {
    let client = connections.get().await?;
    let size = maker.size(&***client).await?;
    let through = last.saturating_add(size.saturating_mul(2));
    let made = maker.make(&***client, through).await?;
    drop(client.answered());
    Ok((size, made))
}
