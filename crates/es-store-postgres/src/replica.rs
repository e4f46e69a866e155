//! How far a standby is behind its primary, as far as the standby itself can tell.

use es_core::{Result, Timestamp};

use crate::{
    connect::Connections,
    error::{damaged, from_driver},
    read::{Micros, unsigned},
};

/// The place that was received may be unknown, where the log comes from an archive.
const LAG: &str = "SELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery() THEN \
     greatest(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), 0)::bigint \
     END, CASE WHEN pg_is_in_recovery() THEN pg_last_xact_replay_timestamp() END";

/// How far a standby is behind, from [`PostgresStore::replica_lag`](crate::PostgresStore::replica_lag).
///
/// In events it is behind by what the position of its head lacks of the primary's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplicaLag {
    /// Bytes of the write-ahead log that have been received and cannot be read yet, because
    /// replay is slow, paused, or held up by a query. What the primary has not sent does not
    /// count, so a standby that is cut off may say 0.
    pub unreplayed_bytes: u64,
    /// When the last transaction that can be read here was committed on the primary, by its
    /// clock; `None` before the first. What can be read is no older than the time since then,
    /// which also grows while the primary has nothing to do.
    pub replayed_at: Option<Timestamp>,
}

pub(crate) async fn lag(connections: &Connections) -> Result<Option<ReplicaLag>> {
    let client = connections.get().await?;
    let row = client.query_typed_one(LAG, &[]).await.map_err(|error| from_driver(None, error))?;
    if !row.try_get::<_, bool>(0).map_err(damaged)? {
        return Ok(None);
    }
    let bytes = row.try_get::<_, Option<i64>>(1).map_err(damaged)?;
    let replayed_at = row.try_get::<_, Option<Micros>>(2).map_err(damaged)?.map(Timestamp::from);
    Ok(Some(ReplicaLag { unreplayed_bytes: unsigned(bytes.unwrap_or(0))?, replayed_at }))
}
