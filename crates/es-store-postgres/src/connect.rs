//! Connections: kept by a pool, lent for one call, and known to break.

use std::{
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

use deadpool_postgres::{Manager, ManagerConfig, Pool, PoolError, RecyclingMethod};
use es_core::{Error, ErrorKind, Invalid, Result};
use tokio_postgres::Config;

use crate::{
    ask::Sent, error::from_driver, hosts::Hosts, lent::Lent, options::PostgresOptions, tls::Tls,
    trace::Target,
};

/// How long the other end of a connection may be silent, down to the last acknowledgement, unless
/// the URL says otherwise.
const VANISHED: Duration = Duration::from_secs(20);

/// A silence that is more than a delay.
const SILENCE: Duration = Duration::from_millis(500);

/// Where connections come from.
#[derive(Clone)]
pub(crate) struct Connections {
    pool: Pool,
    timeout: Duration,
    tls: Tls,
    sent: Sent,
    target: Arc<Target>,
}

impl Connections {
    /// Lends from a pool that is the caller's.
    pub(crate) fn of(pool: Pool, options: &PostgresOptions) -> Self {
        let target = Arc::new(Target::of(None, options));
        let (timeout, sent) = (options.connect_timeout, options.sent());
        Self { pool, timeout, tls: Tls::Off, sent, target }
    }

    /// Makes a pool for what `config` names. It connects when first asked.
    pub(crate) fn to(config: &Config, options: &PostgresOptions) -> Result<Self> {
        let recycling_method = RecyclingMethod::Fast;
        let tls = Tls::of(config, options)?;
        let managed = ManagerConfig { recycling_method };
        let hosts = Hosts::of(config, tls.clone(), options.connect_timeout);
        let manager = Manager::from_connect(config.clone(), hosts, managed);
        let pool = Pool::builder(manager)
            .max_size(options.connections)
            .build()
            .map_err(|error| Error::fault("the pool of connections could not be made", error))?;
        let target = Arc::new(Target::of(Some(config), options));
        Ok(Self { pool, timeout: options.connect_timeout, tls, sent: options.sent(), target })
    }

    /// How statements are sent on them.
    pub(crate) const fn sent(&self) -> Sent {
        self.sent
    }

    /// What is told of where they lead.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// How they are encrypted; of a pool that was given, nothing is known.
    pub(crate) fn tls(&self) -> Tls {
        self.tls.clone()
    }

    /// A connection for one call.
    pub(crate) async fn get(&self) -> Result<Lent> {
        match tokio::time::timeout(self.timeout, self.pool.get()).await {
            Ok(Ok(object)) => Ok(Lent::new(object, self.timeout)),
            Ok(Err(PoolError::Backend(error))) => Err(connecting(error)),
            Ok(Err(PoolError::Timeout(_))) | Err(_) => Err(self.late()),
            Ok(Err(PoolError::Closed)) => {
                Err(Error::new(ErrorKind::Closed, "the pool of connections was closed"))
            }
            Ok(Err(error)) => Err(Error::fault("the pool of connections failed", error)),
        }
    }

    /// How long a connection may take to be made, or to answer what takes no time.
    pub(crate) const fn patience(&self) -> Duration {
        self.timeout
    }

    /// What is said where a connection that was there did not answer within `time`. Those that
    /// are as old may have died with it, and nobody is to wait for them too.
    pub(crate) fn silent(&self, time: Duration) -> Error {
        if time >= SILENCE {
            let now = Instant::now();
            self.pool.retain(|_, with| now.saturating_duration_since(with.created) < time);
        }
        unanswered(time)
    }

    /// How the connections are used.
    pub(crate) fn status(&self) -> deadpool_postgres::Status {
        self.pool.status()
    }

    /// How many connections there can be.
    pub(crate) fn most(&self) -> usize {
        self.pool.status().max_size
    }

    /// Whether it is a connection that is missing, or a place in the pool, is told by how
    /// many there are.
    fn late(&self) -> Error {
        let status = self.pool.status();
        if status.size >= status.max_size && status.available == 0 {
            let message = format!(
                "all {} connections were in use for {:?}: nothing was written; allow more, or \
                 hold them for a shorter time",
                status.max_size, self.timeout
            );
            return Error::new(ErrorKind::Busy, message);
        }
        unanswered(self.timeout)
    }
}

fn unanswered(time: Duration) -> Error {
    Error::new(ErrorKind::Unavailable, format!("PostgreSQL did not answer within {time:?}"))
}

fn connecting(error: tokio_postgres::Error) -> Error {
    if error.as_db_error().is_some() {
        return from_driver(None, error);
    }
    #[cfg(feature = "tls")]
    if let Some((kind, message)) = crate::tls::refusal(&error) {
        return Error::new(kind, message).with_source(error);
    }
    Error::new(ErrorKind::Unavailable, "PostgreSQL cannot be reached").with_source(error)
}

/// Reads a URL, in which a password may stand: errors do not repeat it.
pub(crate) fn config(url: &str) -> Result<Config> {
    let mut config = Config::from_str(url).map_err(|error| {
        let value = "(not repeated: it may hold a password)".to_owned();
        let remedy = "write postgres://user:password@host:port/database";
        Error::from(Invalid::Setting { setting: "the URL of a PostgreSQL store", value, remedy })
            .with_source(error)
    })?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        // The driver would say so when it is to connect, as if that could mend itself.
        let value = "one without a host".to_owned();
        let remedy = "write postgres://user:password@host:port/database, or \
                      postgres:///database?host=/folder/of/the/socket";
        return Err(
            Invalid::Setting { setting: "the URL of a PostgreSQL store", value, remedy }.into()
        );
    }
    if config.get_application_name().is_none() {
        config.application_name("eventsource");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(5));
    }
    // Or a connection whose other end has vanished would be waited for until the system gives it
    // up: a quarter of an hour where something was sent, two hours where nothing was.
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(VANISHED);
    }
    if !url.contains("keepalives") {
        config.keepalives_idle(VANISHED).keepalives_interval(VANISHED / 4).keepalives_retries(3);
    }
    Ok(config)
}
