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

mod partitions;
mod tenants;

use deadpool_postgres::Object;
use es_core::{Error, ErrorKind, LogId, Result};
use tokio_postgres::{GenericClient, IsolationLevel, error::SqlState, types::Type};
use uuid::Uuid;

use crate::{
    connect::Connections,
    error::{damaged, from_driver},
    names::{Layout, Names},
    options::PostgresOptions,
    pooler,
};

pub(crate) use partitions::{Maker, keep_ahead, make_through};
pub(crate) use tenants::{admit, separate};

/// One step. Once released it never changes: what must change is a further step.
struct Step {
    version: i32,
    name: &'static str,
    sql: &'static str,
}

const STEPS: [Step; 4] = [
    Step { version: 1, name: "log", sql: include_str!("sql/0001_log.sql") },
    Step { version: 2, name: "append", sql: include_str!("sql/0002_append.sql") },
    Step { version: 3, name: "progress", sql: include_str!("sql/0003_progress.sql") },
    Step { version: 4, name: "plans", sql: include_str!("sql/0004_plans.sql") },
];

/// What is done once, behind the first step, to the tables of a log that is to be in
/// partitions. Its number is beyond all steps: an older release takes the tables for newer ones.
const PARTITIONS: Step =
    Step { version: 1_001, name: "partitions", sql: include_str!("sql/partitions.sql") };

/// What is done once, when the owner says so, to a log whose tenants the database is to keep
/// apart.
const TENANTS: Step =
    Step { version: 1_002, name: "tenants", sql: include_str!("sql/tenants.sql") };

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
    let client = connections.get().await?.closing();
    pooler::check(connections, &client).await?;
    let mut client = client.answered();
    if options.migrate {
        migrate(&mut client, options).await?;
    }
    let (names, log) = check(&client, names).await?;
    partitions::check(&client, &names, options.partition).await?;
    tenants::check(&client, &names).await?;
    Ok((client, names, log))
}

/// Takes the tables to the newest version, and refuses those that somebody altered, or that
/// are not as `options` say.
pub(crate) async fn migrate(client: &mut Object, options: &PostgresOptions) -> Result<()> {
    let names = options.names()?;
    steps(client, &names, options.partition).await?;
    let (names, _) = check(client, names).await?;
    partitions::check(client, &names, options.partition).await
}

async fn steps(client: &mut Object, names: &Names, partition: Option<u64>) -> Result<()> {
    if done(&***client, names).await?.missing == 0 {
        return Ok(());
    }
    let fails = |error| from_driver(None, error);
    // Whatever the session's default is: what others did meanwhile has to be seen.
    let tx = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
    let tx = tx.start().await.map_err(fails)?;
    alone(&*tx, names).await?;
    let schema = "SELECT 1 FROM pg_namespace WHERE nspname = $1";
    if tx.query_opt(schema, &[&names.schema()]).await.map_err(fails)?.is_none() {
        // A role that may not make schemas can still use one that it was given.
        tx.batch_execute(&format!("CREATE SCHEMA {}", names.schema())).await.map_err(fails)?;
    }
    tx.batch_execute(&names.sql(LEDGER)).await.map_err(fails)?;
    let Done { missing, mut layout } = done(&*tx, names).await?;
    for step in &STEPS[STEPS.len() - missing..] {
        take(&*tx, &names.clone().laid_out(layout), step).await?;
        if let (Some(partition), 1) = (partition, step.version) {
            layout.is_partitioned = true;
            take(&*tx, &names.clone().laid_out(layout), &PARTITIONS).await?;
            partitions::begin(&*tx, names, partition).await?;
        }
    }
    tx.commit().await.map_err(fails)
}

/// Waits until nobody else changes these tables, and keeps others from it until the end of the
/// transaction.
async fn alone(tx: &(impl GenericClient + Sync), names: &Names) -> Result<()> {
    let key = Uuid::new_v5(&Uuid::NAMESPACE_OID, names.qualified().as_bytes()).as_u64_pair().0;
    let taken = tx.execute("SELECT pg_advisory_xact_lock($1)", &[&key.cast_signed()]).await;
    taken.map(drop).map_err(|error| from_driver(None, error))
}

/// Takes one step, and writes it down.
async fn take(tx: &(impl GenericClient + Sync), names: &Names, step: &Step) -> Result<()> {
    let fails = |error| from_driver(None, error);
    tx.batch_execute(&names.sql(step.sql)).await.map_err(fails)?;
    let sql = "INSERT INTO {es}migrations (version, name, checksum) VALUES ($1, $2, $3)";
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
        [&step.version, &step.name, &step.checksum()];
    tx.execute(&names.sql(sql), &values).await.map(drop).map_err(fails)
}

/// Checks that the tables are those that this release knows, and learns how they are laid out
/// and which log it is.
async fn check(client: &Object, names: Names) -> Result<(Names, LogId)> {
    let Done { missing, layout } = done(&***client, &names).await?;
    if missing > 0 {
        let message = format!(
            "the tables {}* are not there or not up to date: run `PostgresStore::migrate`",
            names.qualified()
        );
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let sql = names.sql("SELECT id FROM {es}log");
    let row = client.query_typed_opt(&sql, &[]).await.map_err(|error| from_driver(None, error))?;
    let row = row.ok_or_else(|| damaged("the log has no identity"))?;
    let log = row.try_get(0).map(LogId::from_uuid).map_err(damaged)?;
    Ok((names.laid_out(layout), log))
}

/// What the ledger says.
struct Done {
    /// How many steps are not done yet.
    missing: usize,
    layout: Layout,
}

async fn done(client: &(impl GenericClient + Sync), names: &Names) -> Result<Done> {
    let nothing = Done { missing: STEPS.len(), layout: Layout::default() };
    let table = format!("{}migrations", names.qualified());
    let row = client
        .query_typed_one("SELECT to_regclass($1) IS NOT NULL", &[(&table, Type::TEXT)])
        .await
        .map_err(|error| from_driver(None, error))?;
    if !row.try_get::<_, bool>(0).map_err(damaged)? {
        return Ok(nothing);
    }
    let sql = names.sql("SELECT version, checksum FROM {es}migrations ORDER BY version");
    let rows = match client.query_typed(&sql, &[]).await {
        Ok(rows) => rows,
        // Another process dropped it just now.
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => return Ok(nothing),
        Err(error) => return Err(from_driver(None, error)),
    };
    let (mut steps, mut layout) = (STEPS.iter(), Layout::default());
    for row in &rows {
        let version: i32 = row.try_get(0).map_err(damaged)?;
        let checksum: Uuid = row.try_get(1).map_err(damaged)?;
        let step = match version {
            _ if version == PARTITIONS.version => {
                layout.is_partitioned = true;
                Some(&PARTITIONS)
            }
            _ if version == TENANTS.version => {
                layout.is_separated = true;
                Some(&TENANTS)
            }
            _ => steps.next(),
        };
        match step {
            None => return Err(newer(names, version)),
            Some(step) if (step.version, step.checksum()) != (version, checksum) => {
                return Err(altered(step, names));
            }
            Some(_) => {}
        }
    }
    Ok(Done { missing: steps.len(), layout })
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
