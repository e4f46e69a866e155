//! The identity of a log, changed on purpose: for a copy that goes its own way.
//!
//! *Hazard.* A copy has the identity of its original, and checkpoints of the one would be
//! taken for places in the other. *Mechanism.* The copy gets a new identity, under the lock
//! that appends take. *Why it is sound.* Every append compares the identity under that lock,
//! so none that was meant for the old log is taken afterwards. *Cost.* Subscribers begin anew.

use deadpool_postgres::Object;
use es_core::{LogId, Result};

use crate::{
    error::{damaged, from_driver},
    names::Names,
};

/// Draws a new identity, and gives it.
pub(crate) async fn renew(client: &mut Object, names: &Names) -> Result<LogId> {
    let fails = |error| from_driver(None, error);
    let tx = client.transaction().await.map_err(fails)?;
    let lock = names.sql("LOCK TABLE {es}append_lock IN EXCLUSIVE MODE");
    tx.batch_execute(&lock).await.map_err(fails)?;
    let renew = names.sql("UPDATE {es}log SET id = gen_random_uuid() RETURNING id");
    let row = tx.query_one(&renew, &[]).await.map_err(fails)?;
    let log = row.try_get(0).map(LogId::from_uuid).map_err(damaged)?;
    tx.commit().await.map_err(fails)?;
    Ok(log)
}
