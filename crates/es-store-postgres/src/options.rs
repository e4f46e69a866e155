//! How a store is opened.

use std::{ops::RangeInclusive, time::Duration};

use es_core::{Error, Invalid, Result, SharedObserver};
use tokio::sync::Semaphore;

#[cfg(feature = "tls")]
use crate::tls::ClientCertificate;
use crate::{ask::Sent, names::Names};

/// Positions of a partition: a hundred partitions of so many still have a number.
const MOST_POSITIONS: u64 = 1 << 56;
/// The largest `max_connections` of PostgreSQL.
const MOST_CONNECTIONS: usize = 262_143;

/// How a store is opened.
///
/// ```
/// use es_store_postgres::PostgresOptions;
///
/// let options = PostgresOptions::new().with_schema("ledger")?.with_connections(16)?;
/// # Ok::<(), es_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PostgresOptions {
    pub(crate) schema: String,
    pub(crate) prefix: String,
    pub(crate) migrate: bool,
    pub(crate) partition: Option<u64>,
    pub(crate) connections: usize,
    pub(crate) queue: usize,
    pub(crate) refuse_when_full: bool,
    pub(crate) patience: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) poll_interval: Duration,
    pub(crate) listen: bool,
    pub(crate) transaction_pooler: bool,
    pub(crate) observer: Option<SharedObserver>,
    #[cfg(feature = "tls")]
    pub(crate) root_certificates: Option<Vec<u8>>,
    #[cfg(feature = "tls")]
    pub(crate) client_certificate: Option<ClientCertificate>,
}

impl PostgresOptions {
    /// Schema `eventsource`, tables `es_…`, made or brought up to date when the store is
    /// opened; up to 8 connections; a queue of 4,096 appends that waits when it is full;
    /// 30 seconds for an append without a deadline, 5 for a connection; a look every 100 ms
    /// for what other processes wrote, in case that their notification did not come.
    #[must_use]
    pub fn new() -> Self {
        Self {
            schema: "eventsource".to_owned(),
            prefix: "es_".to_owned(),
            migrate: true,
            partition: None,
            connections: 8,
            queue: 4_096,
            refuse_when_full: false,
            patience: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            poll_interval: Duration::from_millis(100),
            listen: true,
            transaction_pooler: false,
            observer: None,
            #[cfg(feature = "tls")]
            root_certificates: None,
            #[cfg(feature = "tls")]
            client_certificate: None,
        }
    }

    /// The schema that the tables are in. Each schema and prefix is a log of its own.
    ///
    /// # Errors
    /// `Invalid` unless it is up to 39 lower-case letters, digits and underscores.
    pub fn with_schema(mut self, schema: impl Into<String>) -> Result<Self> {
        self.schema = schema.into();
        self.names().map(|_| self)
    }

    /// What the names of all tables and functions begin with; it may be empty.
    ///
    /// # Errors
    /// `Invalid` unless it is up to 39 lower-case letters, digits and underscores.
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Result<Self> {
        self.prefix = prefix.into();
        self.names().map(|_| self)
    }

    /// Whether opening makes the tables, or brings them up to date. Without, opening fails
    /// unless [`PostgresStore::migrate`](crate::PostgresStore::migrate) has run; then the
    /// store needs no right to make anything.
    #[must_use]
    pub const fn with_migrate(mut self, migrate: bool) -> Self {
        self.migrate = migrate;
        self
    }

    /// Keeps the events in partitions of so many positions each, in a log that is made now.
    /// What that is for, and what it costs, is in `docs/postgresql.md`; choose so many that
    /// there will be some hundred partitions at most.
    ///
    /// It is chosen when the tables are made, and stays: a store that is opened without saying
    /// it uses what is there, and one that says anything else than what is there is refused.
    ///
    /// # Errors
    /// `Invalid` below 2, and above 2^56.
    pub fn with_partitions(mut self, positions: u64) -> Result<Self> {
        if !(2..=MOST_POSITIONS).contains(&positions) {
            let setting = "the positions of a partition";
            let remedy = "say 2 or more and no more than 2^56, such as 10,000,000";
            let value = positions.to_string();
            return Err(Error::from(Invalid::Setting { setting, value, remedy }));
        }
        self.partition = Some(positions);
        Ok(self)
    }

    /// How many connections there are at most, besides one that listens. One of them
    /// appends and is kept; of four or more, two may append and one is kept for short reads.
    /// A pool that is given has its own number.
    ///
    /// # Errors
    /// `Invalid` below 2, and above 262,143, which no server has.
    pub fn with_connections(mut self, connections: usize) -> Result<Self> {
        let setting = "the connections of a PostgreSQL store";
        let remedy = "say 2 or more, and no more than the server has";
        self.connections = within(setting, connections, 2..=MOST_CONNECTIONS, remedy)?;
        Ok(self)
    }

    /// How many appends may wait for those before them.
    ///
    /// # Errors
    /// `Invalid` for 0, and above an eighth of the largest `usize`.
    pub fn with_queue(mut self, appends: usize) -> Result<Self> {
        let setting = "the queue of a PostgreSQL store";
        let remedy = "say 1 or more, such as 4,096";
        self.queue = within(setting, appends, 1..=Semaphore::MAX_PERMITS, remedy)?;
        Ok(self)
    }

    /// Whether an append that finds the queue full fails at once with `Busy`, instead of
    /// waiting for room.
    #[must_use]
    pub const fn with_refusal_when_full(mut self, refuse: bool) -> Self {
        self.refuse_when_full = refuse;
        self
    }

    /// How long an append that has no deadline takes at most, a lost reply and what it
    /// takes to settle it included.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How long a call waits for a connection before it fails with `Busy` (all are in use)
    /// or `Unavailable` (there is none to be had). The hosts of a URL share it. It is also how
    /// long a head is waited for, and an answer on a connection whose caller has gone.
    #[must_use]
    pub const fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How often those who wait for events look for themselves. What this store appends
    /// wakes them at once, and what others append does as soon as their notification comes.
    #[must_use]
    pub const fn with_poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// Whether a connection of its own listens for notifications. Without, those who wait look
    /// at every poll interval.
    #[must_use]
    pub const fn with_listening(mut self, listen: bool) -> Self {
        self.listen = listen;
        self
    }

    /// Whether the URL, or the pool that is given, leads to a pooler that lends the connections
    /// of the server for one transaction each: PgBouncer in transaction mode, or what is like
    /// it. A URL may say so too: `transaction_pooler=true`.
    ///
    /// Then nothing is kept with a connection: statements go out with their text, under no
    /// name, and nothing listens, so that those who wait look at every poll interval. Every
    /// promise holds; the server plans each statement anew. Where the pooler keeps prepared
    /// statements (PgBouncer 1.21 or newer, with `max_prepared_statements`) it is faster to
    /// leave this and say [`with_listening(false)`](Self::with_listening) alone, if its connections
    /// are lent to no other program: what is set on those that append stays on them.
    ///
    /// Without it, a store that finds itself behind such a pooler is not opened.
    #[must_use]
    pub const fn with_transaction_pooler(mut self, is_there: bool) -> Self {
        self.transaction_pooler = is_there;
        self
    }

    /// Whom to trust with `sslmode=require`, as text in PEM, instead of whom the system
    /// trusts. Text that is no certificate is refused when the store is opened. A file that
    /// the URL names as `sslrootcert` takes its place.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates = Some(pem.into());
        self
    }

    /// With `sslmode=require`, the certificate of this client with those that lead to its
    /// authority, and its key, as text in PEM; for servers that ask for one, or take it in
    /// place of a password. What is no certificate, no key, or not the key of the certificate
    /// is refused when the store is opened. Files that the URL names as `sslcert` and `sslkey`
    /// take their place.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_client_certificate(
        mut self,
        certificate_pem: impl Into<Vec<u8>>,
        key_pem: impl Into<Vec<u8>>,
    ) -> Self {
        let (certificate, key) = (certificate_pem.into(), key_pem.into());
        self.client_certificate = Some(ClientCertificate { certificate, key });
        self
    }

    /// Who is told of commits, and asked how many appends wait and how the connections of
    /// the pool are used.
    #[must_use]
    pub fn with_observer(mut self, observer: SharedObserver) -> Self {
        self.observer = Some(observer);
        self
    }

    pub(crate) const fn sent(&self) -> Sent {
        if self.transaction_pooler { Sent::ByText } else { Sent::ByName }
    }

    pub(crate) const fn listens(&self) -> bool {
        self.listen && !self.transaction_pooler
    }

    pub(crate) fn names(&self) -> Result<Names> {
        Names::new(&self.schema, &self.prefix)
    }
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self::new()
    }
}

fn within(
    setting: &'static str,
    value: usize,
    range: RangeInclusive<usize>,
    remedy: &'static str,
) -> Result<usize> {
    if range.contains(&value) {
        return Ok(value);
    }
    Err(Error::from(Invalid::Setting { setting, value: value.to_string(), remedy }))
}
