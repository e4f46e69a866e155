//! The functions that append, how they are called, and what becomes of a call that nobody waits
//! for any more.
//!
//! # Hazard
//! A call whose deadline is over waits on in the server while somebody holds the lock. Its caller
//! comes again, on a connection of its own, and what waits there piles up until the server takes
//! no more connections.
//! # Mechanism
//! On a connection to the server, the call is cancelled. A pooler of transactions is not asked to: the
//! driver does not stay until a request to cancel is answered, and PgBouncer 1.18 ends over that, with
//! everything that it does for others. There the call says itself how long it waits for a lock.
//! # Why it is sound
//! Neither decides anything: whether a call was carried out is found out by the ids of its events. Where
//! the server gives up first, nothing was written, and the caller is told just that.
//! # What it costs
//! Behind a pooler, a setting for the transaction in each call.

use std::time::Duration;

use deadpool_postgres::Object;
use tokio_postgres::{Error, Row, types::Type};

use crate::{
    ask::{Sent, Typed},
    names::Names,
    tls::{Tls, with_tls},
};

/// A function that appends, as it is called.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) plain: String,
    /// With one argument more: how long a lock is waited for.
    bounded: String,
}

impl Entry {
    /// A function of so many arguments, the first of which is a UUID.
    pub(super) fn of(names: &Names, function: &str, arguments: usize) -> Self {
        let others: String = (2..=arguments).map(|number| format!(", ${number}")).collect();
        let plain = format!("SELECT * FROM {function}($1{others})");
        // The first argument depends on it, so that it is set by the time of the call.
        let bounded = format!(
            "SELECT a.* FROM (SELECT set_config('lock_timeout', ${}, true) AS set) s \
             CROSS JOIN LATERAL {function}(CASE WHEN s.set IS NOT NULL THEN $1 END{others}) a",
            arguments + 1
        );
        Self { plain: names.sql(&plain), bounded: names.sql(&bounded) }
    }
}

/// How a call is made.
pub(super) struct Way {
    pub(super) sent: Sent,
    /// How long the call waits for a lock, where it cannot be cancelled: milliseconds.
    patience: Option<String>,
}

impl Way {
    /// For a call that is waited for as long as `time`.
    pub(super) fn of(sent: Sent, time: Duration) -> Self {
        // 0 would mean for ever, and a longer time than this one is refused.
        let millis = || time.as_millis().clamp(1, i32::MAX.unsigned_abs().into()).to_string();
        Self { sent, patience: (sent == Sent::ByText).then(millis) }
    }

    pub(super) async fn call(
        &self,
        client: &Object,
        entry: &Entry,
        mut arguments: Vec<Typed<'_>>,
    ) -> Result<Row, Error> {
        let Some(patience) = &self.patience else {
            return self.sent.query_one(client, &entry.plain, &arguments).await;
        };
        arguments.push((patience, Type::TEXT));
        self.sent.query_one(client, &entry.bounded, &arguments).await
    }

    /// Has the server give up a call that nobody waits for any more, if that is to be asked for.
    pub(super) fn give_up(&self, client: &Object, tls: Tls) {
        if self.patience.is_some() {
            return;
        }
        let token = client.cancel_token();
        drop(tokio::spawn(async move {
            let cancelled = with_tls!(tls, connector => token.cancel_query(connector).await);
            if let Err(error) = cancelled {
                tracing::debug!(error = %error, "an abandoned call could not be cancelled");
            }
        }));
    }
}
