//! Servers for tests, examples and benches: throw-away ones, started here and stopped here.
//!
//! A server is found or installed, runs on a free port of this machine as an unprivileged
//! user, keeps its data in a folder of its own, and goes with the value that holds it.

mod postgres;

use std::net::TcpListener;

use anyhow::{Context, Result};

pub(crate) use postgres::Postgres;

/// A server that the caller brought along, or one that runs while this value lives.
pub(crate) enum Service<S> {
    Given(String),
    Ours(S),
}

impl Service<Postgres> {
    /// What the variable names, or a server of ours.
    pub(crate) fn postgres() -> Result<Self> {
        match std::env::var(POSTGRES_URL) {
            Ok(url) if !url.is_empty() => Ok(Self::Given(url)),
            _ => Postgres::start().map(Self::Ours),
        }
    }

    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Given(url) => url,
            Self::Ours(server) => server.url(),
        }
    }
}

/// The variable in which tests look for a server.
pub(crate) const POSTGRES_URL: &str = "ES_TEST_POSTGRES_URL";

/// A port that was free just now.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no port is free")?;
    Ok(listener.local_addr()?.port())
}
