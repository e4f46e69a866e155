//! Connecting to one of several hosts, in the time that there is.
//!
//! # Hazard
//! The first host of a URL is silent: it is switched off, or hangs. The driver waits for it as long
//! as it is allowed to, and for its greeting without any limit, so that by the time at which the
//! second would be asked nobody waits any more.
//! # Mechanism
//! The hosts share the time: each gets an equal part of what is left, its greeting included. One
//! that has been asked for a moment without an answer is asked last for a while, so that those
//! with less time find the others too, and those who ask it at once all the same wait for it.
//! # What it costs
//! A slow host among several has less time than a lone one.

use std::{
    future::Future,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use deadpool_postgres::Connect;
use tokio::task::JoinHandle;
use tokio_postgres::{
    Client, Config, Error,
    config::{Host, LoadBalanceHosts},
};

use crate::tls::{Tls, with_tls};

/// What is longer than a host takes to answer.
const MOMENT: Duration = Duration::from_millis(500);
/// How long a host that was silent is asked last.
const LAST: Duration = Duration::from_secs(60);

/// The hosts that a URL names.
pub(crate) struct Hosts {
    each: Vec<Config>,
    is_shuffled: bool,
    tls: Tls,
    time: Duration,
    /// Since when a host has been asked without an answer.
    asked: Mutex<Vec<Option<Instant>>>,
}

impl Hosts {
    /// Those of `config`, to be connected to within `time`.
    pub(crate) fn of(config: &Config, tls: Tls, time: Duration) -> Self {
        let each = apart(config);
        let is_shuffled = config.get_load_balance_hosts() == LoadBalanceHosts::Random;
        let asked = Mutex::new(vec![None; each.len()]);
        Self { each, is_shuffled, tls, time, asked }
    }

    /// What the first host gives that answers well. Whoever waits for the last one has a limit of
    /// its own.
    ///
    /// # Errors
    /// That of the last host that refused.
    pub(crate) async fn reach<T, F>(&self, connect: impl Fn(Config) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let end = Instant::now() + self.time;
        let mut order = self.order();
        let Some(last) = order.pop() else { return connect(Config::new()).await };
        let mut left = u32::try_from(order.len()).unwrap_or(u32::MAX).saturating_add(1);
        for host in order {
            let share = end.saturating_duration_since(Instant::now()) / left;
            left -= 1;
            self.asks(host);
            let answer = tokio::time::timeout(share, connect(self.each[host].clone())).await;
            let Ok(answer) = answer else { continue };
            self.hears_of(host);
            if let Ok(reached) = answer {
                return Ok(reached);
            }
        }
        self.asks(last);
        let answer = connect(self.each[last].clone()).await;
        self.hears_of(last);
        answer
    }

    /// In which order they are asked.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.each.len()).collect();
        if self.is_shuffled {
            fastrand::shuffle(&mut order);
        }
        let asked = self.asked();
        order.sort_by_key(|host| asked[*host].is_some_and(is_silent));
        order
    }

    fn asks(&self, host: usize) {
        let since = &mut self.asked()[host];
        // It stays what it was, however often a host is asked meanwhile, until its time is over.
        *since = since.filter(|since| since.elapsed() < LAST).or_else(|| Some(Instant::now()));
    }

    fn hears_of(&self, host: usize) {
        self.asked()[host] = None;
    }

    fn asked(&self) -> MutexGuard<'_, Vec<Option<Instant>>> {
        // Nothing that can panic happens under the lock.
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a host that was asked then has been silent.
fn is_silent(since: Instant) -> bool {
    (MOMENT..LAST).contains(&since.elapsed())
}

impl Connect for Hosts {
    fn connect(
        &self,
        _: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        Box::pin(self.reach(move |config| async move {
            with_tls!(self.tls.clone(), connector => {
                let (client, connection) = config.connect(connector).await?;
                let task = tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(error = %error, "a connection to PostgreSQL ended");
                    }
                });
                Ok((client, task))
            })
        }))
    }
}

/// The same configuration for each host by itself.
fn apart(config: &Config) -> Vec<Config> {
    let (hosts, addresses, ports) =
        (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let count = hosts.len().max(addresses.len());
    let fits = |length: usize| length == 0 || length == count;
    // The driver says what is wrong with numbers that do not go together.
    if count < 2
        || !fits(hosts.len())
        || !fits(addresses.len())
        || !(ports.len() < 2 || fits(ports.len()))
    {
        return vec![config.clone()];
    }
    let of = |host: usize| {
        let mut one = without_hosts(config);
        match hosts.get(host) {
            Some(Host::Tcp(name)) => drop(one.host(name)),
            #[cfg(unix)]
            Some(Host::Unix(path)) => drop(one.host_path(path)),
            None => {}
        }
        if let Some(address) = addresses.get(host) {
            one.hostaddr(*address);
        }
        if let Some(port) = ports.get(host).or(ports.first()) {
            one.port(*port);
        }
        one
    };
    (0..count).map(of).collect()
}

/// All of a configuration but its hosts.
fn without_hosts(config: &Config) -> Config {
    let mut one = Config::new();
    if let Some(user) = config.get_user() {
        one.user(user);
    }
    if let Some(password) = config.get_password() {
        one.password(password);
    }
    if let Some(database) = config.get_dbname() {
        one.dbname(database);
    }
    if let Some(options) = config.get_options() {
        one.options(options);
    }
    if let Some(name) = config.get_application_name() {
        one.application_name(name);
    }
    if let Some(timeout) = config.get_connect_timeout() {
        one.connect_timeout(*timeout);
    }
    if let Some(timeout) = config.get_tcp_user_timeout() {
        one.tcp_user_timeout(*timeout);
    }
    one.keepalives(config.get_keepalives()).keepalives_idle(config.get_keepalives_idle());
    if let Some(interval) = config.get_keepalives_interval() {
        one.keepalives_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        one.keepalives_retries(retries);
    }
    one.ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .target_session_attrs(config.get_target_session_attrs())
        .channel_binding(config.get_channel_binding())
        .load_balance_hosts(config.get_load_balance_hosts());
    one
}

#[cfg(test)]
mod tests;
