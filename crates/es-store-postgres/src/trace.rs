//! Spans of calls of PostgreSQL, at level debug: off unless a subscriber wants them, and then they cost
//! a look at a flag.
//!
//! The store on SQLite has the like. What they have in common is the names, which are in es-core;
//! es-core opens no spans itself, and stores do not know each other.

use es_core::{Error, Result, causes, spans};
use tokio_postgres::{Config, config::Host, error::SqlState};
use tracing::{Instrument, Span, field::Empty};

use crate::options::PostgresOptions;

/// Which database is asked, and where. Of a pool that was given, nothing is known but the table.
#[derive(Debug)]
pub(crate) struct Target {
    namespace: Option<String>,
    events: String,
    server: Option<String>,
    port: Option<i64>,
}

impl Target {
    /// What `config` names.
    ///
    /// Of several servers nobody says which one it is that answers, so none is named then.
    pub(crate) fn of(config: Option<&Config>, options: &PostgresOptions) -> Self {
        let database = config.and_then(|config| config.get_dbname().or(config.get_user()));
        let (server, port) = match config.map_or(&[][..], Config::get_hosts) {
            [Host::Tcp(host)] => {
                let port = config.and_then(|config| config.get_ports().first().copied());
                (Some(host.clone()), Some(i64::from(port.unwrap_or(5432))))
            }
            #[cfg(unix)]
            [Host::Unix(path)] => (Some(path.display().to_string()), None),
            _ => (None, None),
        };
        Self {
            namespace: database.map(|database| format!("{database}|{}", options.schema)),
            events: format!("{}events", options.prefix),
            server,
            port,
        }
    }

    /// A span for an append of so many events that is sent from here.
    pub(crate) fn append(&self, events: usize) -> Span {
        self.call("append", spans::several(events))
    }

    /// A span for a page that is fetched from here.
    pub(crate) fn read(&self) -> Span {
        self.call("read", None)
    }

    fn call(&self, operation: &'static str, events: Option<i64>) -> Span {
        tracing::debug_span!(
            spans::DB,
            { spans::NAME } = format!("{operation} postgresql"),
            { spans::KIND } = "client",
            { spans::STATUS } = Empty,
            { spans::DB_SYSTEM } = "postgresql",
            { spans::DB_NAMESPACE } = self.namespace.as_deref(),
            { spans::DB_COLLECTION } = self.events,
            { spans::DB_OPERATION } = operation,
            { spans::DB_BATCH } = events,
            { spans::SERVER } = self.server.as_deref(),
            { spans::PORT } = self.port,
            { spans::DB_STATUS } = Empty,
            { spans::ERROR_TYPE } = Empty,
        )
    }
}

/// Makes the call within its span.
pub(crate) async fn within<T>(span: Span, call: impl Future<Output = Result<T>>) -> Result<T> {
    let answer = call.instrument(span.clone()).await;
    if let (false, Err(error)) = (span.is_disabled(), &answer) {
        span.record(spans::STATUS, spans::ERROR);
        span.record(spans::ERROR_TYPE, error.kind().as_str());
        if let Some(state) = sql_state(error) {
            span.record(spans::DB_STATUS, state);
        }
    }
    answer
}

/// What PostgreSQL calls an error that came from it.
fn sql_state(error: &Error) -> Option<&str> {
    causes(error)
        .find_map(|error| error.downcast_ref::<tokio_postgres::Error>())?
        .code()
        .map(SqlState::code)
}

#[cfg(test)]
mod tests;
