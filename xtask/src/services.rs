//! Servers for tests, examples and benches: throw-away ones, started here and stopped here.
//!
//! A server is found or installed, runs on a free port of this machine as an unprivileged
//! user, keeps its data in a folder of its own, and goes with the value that holds it.

mod postgres;
mod redis;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

pub(crate) use postgres::Postgres;
pub(crate) use redis::Redis;

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

impl Service<Redis> {
    /// What the variable names, or a server of ours.
    pub(crate) fn redis() -> Result<Self> {
        match std::env::var(REDIS_URL) {
            Ok(url) if !url.is_empty() => Ok(Self::Given(url)),
            _ => Redis::start().map(Self::Ours),
        }
    }

    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Given(url) => url,
            Self::Ours(server) => server.url(),
        }
    }
}

/// The variables in which tests look for their servers.
pub(crate) const POSTGRES_URL: &str = "ES_TEST_POSTGRES_URL";
pub(crate) const REDIS_URL: &str = "ES_TEST_REDIS_URL";

/// A port that was free just now.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no port is free")?;
    Ok(listener.local_addr()?.port())
}

fn is_root() -> bool {
    // Without a crate for one call: the owner of what the process itself makes.
    std::fs::metadata("/proc/self").is_ok_and(|own| {
        use std::os::unix::fs::MetadataExt;
        own.uid() == 0
    })
}

/// PgBouncer, which tests of the store on PostgreSQL start for themselves: installed where it is
/// missing and may be. Without it those tests are skipped, and fail under CI.
pub(crate) fn pgbouncer() {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    if folders.any(|folder| folder.join("pgbouncer").is_file()) {
        return;
    }
    if let Err(error) = install("PgBouncer", "pgbouncer", None) {
        eprintln!("no test of PostgreSQL behind a pooler will run: {error:#}");
    }
}

/// Installs a package where that is possible; else says what to do, `variable` included.
fn install(name: &str, package: &str, variable: Option<&str>) -> Result<()> {
    if !is_root() || !Path::new("/usr/bin/apt-get").exists() {
        let or = variable.map_or_else(String::new, |name| format!(", or name a server in {name}"));
        bail!("{name} is not installed: install it (on Debian: `apt-get install {package}`){or}");
    }
    eprintln!("{name} is not installed: installing it");
    run(Command::new("apt-get").arg("update").stdout(Stdio::null()))?;
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "--no-install-recommends", package]);
    run(install.env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()))
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}
