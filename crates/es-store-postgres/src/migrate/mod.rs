//! The tables, made and changed by numbered steps that are written down with a checksum.
//!
//! # Hazard
//! Ten processes start at once; a program is killed in the middle; somebody altered a step.
//! # Mechanism
//! All steps run in one transaction that takes an advisory lock, named after the schema and
//! the prefix, before it looks at what is there.
//! # Why it is sound
//! The second process sees the steps of the first as done; a killed run leaves nothing.
//! # What it costs
//! Nothing once the steps are done: a look at the ledger, without the lock.

use deadpool_postgres::Object;
use es_core::{Error, ErrorKind, LogId, Result};
use tokio_postgres::{GenericClient, error::SqlState, types::Type};
use uuid::Uuid;

use crate::{
    connect::Connections,
    error::{damaged, from_driver},
    names::Names,
    options::PostgresOptions,
    pooler,
};

/// One step. Once released it never changes: what must change is a further step.
struct Step {
    version: i32,
    name: &'static str,
    sql: &'static str,
}

const STEPS: [Step; 3] = [
    Step { version: 1, name: "log", sql: include_str!("sql/0001_log.sql") },
    Step { version: 2, name: "append", sql: include_str!("sql/0002_append.sql") },
    Step { version: 3, name: "progress", sql: include_str!("sql/0003_progress.sql") },
];

const LEDGER: &str = "CREATE TABLE IF NOT EXISTS {es}migrations (
    version    integer     PRIMARY KEY,
    name       text        NOT NULL,
    checksum   uuid        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)";

/// A connection to tables that are there and those that this release knows; makes them, if
/// `options` say so.
pub(crate) async fn ready(
    connections: &Connections,
    options: &PostgresOptions,
) -> Result<(Object, Names, LogId)> {
    let names = options.names()?;
    let mut client = connections.get().await?;
    pooler::check(connections, &client).await?;
    if options.migrate {
        migrate(&mut client, &names).await?;
    }
    let log = check(&client, &names).await?;
    Ok((client, names, log))
}

/// Takes the tables to the newest version, and refuses those that somebody altered.
pub(crate) async fn migrate(client: &mut Object, names: &Names) -> Result<()> {
    if missing(&***client, names).await? == 0 {
        return Ok(());
    }
    let fails = |error| from_driver(None, error);
    let tx = client.transaction().await.map_err(fails)?;
    let key = Uuid::new_v5(&Uuid::NAMESPACE_OID, names.qualified().as_bytes()).as_u64_pair().0;
    tx.execute("SELECT pg_advisory_xact_lock($1)", &[&key.cast_signed()]).await.map_err(fails)?;
    let schema = "SELECT 1 FROM pg_namespace WHERE nspname = $1";
    if tx.query_opt(schema, &[&names.schema()]).await.map_err(fails)?.is_none() {
        // A role that may not make schemas can still use one that it was given.
        tx.batch_execute(&format!("CREATE SCHEMA {}", names.schema())).await.map_err(fails)?;
    }
    tx.batch_execute(&names.sql(LEDGER)).await.map_err(fails)?;
    let done = STEPS.len() - missing(&*tx, names).await?;
    for step in &STEPS[done..] {
        tx.batch_execute(&names.sql(step.sql)).await.map_err(fails)?;
        let sql = "INSERT INTO {es}migrations (version, name, checksum) VALUES ($1, $2, $3)";
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
            [&step.version, &step.name, &step.checksum()];
        tx.execute(&names.sql(sql), &values).await.map_err(fails)?;
    }
    tx.commit().await.map_err(fails)
}

/// Checks that the tables are those that this release knows, and learns which log it is.
async fn check(client: &Object, names: &Names) -> Result<LogId> {
    if missing(&***client, names).await? > 0 {
        let message = format!(
            "the tables {}* are not there or not up to date: run `PostgresStore::migrate`",
            names.qualified()
        );
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let sql = names.sql("SELECT id FROM {es}log");
    let row = client.query_typed_opt(&sql, &[]).await.map_err(|error| from_driver(None, error))?;
    let row = row.ok_or_else(|| damaged("the log has no identity"))?;
    row.try_get(0).map(LogId::from_uuid).map_err(damaged)
}

/// How many steps are not done yet.
async fn missing(client: &(impl GenericClient + Sync), names: &Names) -> Result<usize> {
    let table = format!("{}migrations", names.qualified());
    let row = client
        .query_typed_one("SELECT to_regclass($1) IS NOT NULL", &[(&table, Type::TEXT)])
        .await
        .map_err(|error| from_driver(None, error))?;
    if !row.try_get::<_, bool>(0).map_err(damaged)? {
        return Ok(STEPS.len());
    }
    let sql = names.sql("SELECT version, checksum FROM {es}migrations ORDER BY version");
    let rows = match client.query_typed(&sql, &[]).await {
        Ok(rows) => rows,
        // Another process dropped it just now.
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => return Ok(STEPS.len()),
        Err(error) => return Err(from_driver(None, error)),
    };
    let mut steps = STEPS.iter();
    for row in &rows {
        let version: i32 = row.try_get(0).map_err(damaged)?;
        let checksum: Uuid = row.try_get(1).map_err(damaged)?;
        match steps.next() {
            None => return Err(newer(names, version)),
            Some(step) if (step.version, step.checksum()) != (version, checksum) => {
                return Err(altered(step, names));
            }
            Some(_) => {}
        }
    }
    Ok(steps.len())
}

fn newer(names: &Names, version: i32) -> Error {
    let message = format!(
        "the tables {}* were made by a newer release (step {version}, known up to {}): upgrade \
         this program",
        names.qualified(),
        STEPS.len()
    );
    Error::new(ErrorKind::Unsupported, message)
}

fn altered(step: &Step, names: &Names) -> Error {
    let message = format!(
        "step {} ({}) of the tables {}* is not the one that this release knows: they were \
         altered, or made by a build that was never released",
        step.version,
        step.name,
        names.qualified()
    );
    Error::new(ErrorKind::Invalid, message)
}

impl Step {
    /// A UUID of version 5 over the text: a SHA-1 that is at hand.
    fn checksum(&self) -> Uuid {
        Uuid::new_v5(&Uuid::NAMESPACE_OID, self.sql.as_bytes())
    }
}
