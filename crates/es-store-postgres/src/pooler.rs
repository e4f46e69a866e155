//! Whether a pooler stands in between that lends connections for one transaction, and forgets
//! what was prepared on them.
//!
//! *Hazard.* Statements that are prepared under a name may then run as somebody else's of the
//! same name: a read in the wrong order, say, without any error. *Mechanism.* Two connections
//! that are open at once are of two processes of the server, and stay so. Where they are not,
//! a name that was just given is looked for: a pooler that keeps prepared statements gives them
//! names of its own. *Why it is sound.* It refuses on proof alone. *Cost.* A second connection
//! and a few round trips when a store is opened; under load a pooler may pass unseen, and is
//! then met with the error of the first statement that is not there.

use std::time::Duration;

use deadpool_postgres::Object;
use es_core::{Error, ErrorKind, Result};
use tokio_postgres::{Error as Driver, SimpleQueryMessage};

use crate::{ask::Sent, connect::Connections, error::from_driver};

/// A process of a server, which no other server has as well.
const PROCESS: &str = "SELECT pg_backend_pid() || ' ' || pg_postmaster_start_time()";
const MARK: &str = "SELECT 'eventsource: who keeps this name'";
const NAMES: &str = "SELECT name FROM pg_prepared_statements \
                     WHERE statement LIKE 'SELECT ''eventsource: who keeps%'";
/// How long the second connection, or a look, may take. Behind a pooler that has no connection
/// left it takes longer, and nothing is known.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is said of such a pooler.
pub(crate) const REMEDY: &str = "PostgreSQL is behind a pooler that lends connections by transaction and keeps no prepared \
     statements (PgBouncer in transaction mode): say \
     `PostgresOptions::with_transaction_pooler(true)`, or `transaction_pooler=true` in the URL; \
     or give PgBouncer 1.21 or newer `max_prepared_statements`; or connect to PostgreSQL itself";

/// Refuses a pooler that would mix up prepared statements. Dropped, or after an error, it may
/// leave `one` within a transaction.
pub(crate) async fn check(connections: &Connections, one: &Object) -> Result<()> {
    if connections.sent() == Sent::ByText || connections.most() < 2 {
        return Ok(());
    }
    let Ok(Ok(other)) = tokio::time::timeout(PATIENCE, connections.get()).await else {
        return Ok(());
    };
    // Whoever gives up meanwhile leaves a transaction behind.
    let other = other.closing();
    let fails = |error| from_driver(None, error);
    if is_shared(one, &other).await.map_err(fails)?
        && keeps_names_as_given(one).await.map_err(fails)?
    {
        return Err(Error::new(ErrorKind::Unsupported, REMEDY));
    }
    drop(other.answered());
    Ok(())
}

/// Whether the two are, or were, one connection to the server.
async fn is_shared(one: &Object, other: &Object) -> Result<bool, Driver> {
    let first = process(one).await?;
    other.batch_execute("BEGIN").await?;
    let seen = async {
        if process(other).await? == first {
            return Ok(true);
        }
        // While the other holds its own, this one is given another, if it is given any.
        match tokio::time::timeout(PATIENCE, process(one)).await {
            Ok(again) => Ok(again? != first),
            Err(_) => Ok(false),
        }
    };
    let seen: Result<bool, Driver> = seen.await;
    other.batch_execute("ROLLBACK").await?;
    Ok(seen? || process(one).await? != first)
}

async fn process(client: &Object) -> Result<Option<String>, Driver> {
    Ok(first(&client.simple_query(PROCESS).await?))
}

/// Whether a statement is kept on the server by the name that the driver gave it.
async fn keeps_names_as_given(client: &Object) -> Result<bool, Driver> {
    client.batch_execute("BEGIN").await?;
    let found = async {
        // Closed at the end of this block, before the transaction is.
        let _marked = client.prepare(MARK).await?;
        client.simple_query(NAMES).await
    };
    let found = found.await;
    client.batch_execute("ROLLBACK").await?;
    let name = first(&found?);
    let digits = name.as_deref().and_then(|name| name.strip_prefix('s'));
    Ok(digits.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit())))
}

fn first(messages: &[SimpleQueryMessage]) -> Option<String> {
    messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    })
}
