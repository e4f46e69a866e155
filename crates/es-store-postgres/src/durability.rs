//! What the server's settings make of a commit.

use std::time::Duration;

use es_core::{Durability, Result};

use crate::{
    connect::Connections,
    error::{damaged, from_driver},
    read::unsigned,
};

pub(crate) async fn durability(connections: &Connections) -> Result<Durability> {
    let client = connections.get().await?;
    let sql = "SELECT current_setting('fsync'), current_setting('synchronous_commit'), \
               current_setting('full_page_writes'), \
               (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_writer_delay')";
    let row = client.query_typed_one(sql, &[]).await.map_err(|error| from_driver(None, error))?;
    drop(client.answered());
    let setting = |at| row.try_get::<_, String>(at).map_err(damaged);
    let (fsync, commit, pages) = (setting(0)?, setting(1)?, setting(2)?);
    let settings = format!("fsync={fsync}, synchronous_commit={commit}, full_page_writes={pages}");
    Ok(match (fsync.as_str(), commit.as_str()) {
        ("on", "off") => {
            // The writer of the log writes at least every three times its delay.
            let delay: i64 = row.try_get(3).map_err(damaged)?;
            let window = Duration::from_millis(unsigned(delay)?).saturating_mul(3);
            let mut durability = Durability::delayed(Some(window), settings);
            durability.survives_server_crash = false;
            durability
        }
        ("on", _) if pages == "on" => Durability::full(settings),
        _ => Durability::delayed(None, settings),
    })
}
