//! A Redis server of our own.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{free_port, install, is_root};

/// The least version that has what the store needs.
const LEAST: u32 = 7;

/// A server on a free port that syncs each write to the disk; it stops when this is dropped.
pub(crate) struct Redis {
    server: Child,
    folder: PathBuf,
    url: String,
}

impl Redis {
    pub(crate) fn start() -> Result<Self> {
        let program = program()?;
        let folder = std::env::temp_dir().join(format!("eventsource-redis-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let user = if is_root() { Some(unprivileged()) } else { None };
        if let Some((uid, gid)) = user {
            chown(&folder, Some(uid), Some(gid))?;
        }
        // Between finding a free port and taking it, another process may be faster.
        let mut left = 3;
        loop {
            left -= 1;
            match Self::run(&program, &folder, user) {
                Ok(server) => {
                    eprintln!("Redis runs at {}", server.url);
                    return Ok(server);
                }
                Err(error) if left == 0 => {
                    let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
                    drop(std::fs::remove_dir_all(&folder));
                    return Err(error.context(format!("Redis does not start; it said: {log}")));
                }
                Err(_) => {}
            }
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn run(program: &Path, folder: &Path, user: Option<(u32, u32)>) -> Result<Self> {
        let port = free_port()?;
        let log = File::create(folder.join("log"))?;
        let mut command = Command::new(program);
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.args(["--appendonly", "yes", "--appendfsync", "always", "--dir"]).arg(folder);
        command.current_dir(folder).stdin(Stdio::null()).stderr(log.try_clone()?).stdout(log);
        if let Some((uid, gid)) = user {
            command.uid(uid).gid(gid);
        }
        let server = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let url = format!("redis://127.0.0.1:{port}");
        let mut server = Self { server, folder: folder.to_owned(), url };
        // Ten seconds on a machine that is busy; usually it is a tenth of one.
        for _ in 0..500 {
            if let Some(status) = server.server.try_wait()? {
                bail!("it ended: {status}");
            }
            if answers(port).unwrap_or(false) {
                return Ok(server);
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("it does not answer")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // What it holds is thrown away, so nothing needs to be written first.
        drop(self.server.kill());
        drop(self.server.wait());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn answers(port: u16) -> std::io::Result<bool> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.set_read_timeout(Some(Duration::from_secs(1)))?;
    connection.write_all(b"PING\r\n")?;
    let mut answer = [0; 5];
    connection.read_exact(&mut answer)?;
    Ok(&answer == b"+PONG")
}

/// Where the server is; installed where it is missing and may be.
fn program() -> Result<PathBuf> {
    let found = match find() {
        Some(found) => found,
        None => {
            install("Redis", "redis-server", Some(super::REDIS_URL))?;
            find().context("Redis was installed and is not to be found")?
        }
    };
    let said = Command::new(&found).arg("--version").output();
    let said = said.with_context(|| format!("cannot run {}", found.display()))?;
    let said = String::from_utf8_lossy(&said.stdout);
    match major(&said) {
        Some(version) if version < LEAST => bail!(
            "{} is version {version}: install version {LEAST} or newer, or name a server in {}",
            found.display(),
            super::REDIS_URL
        ),
        // A server that words it otherwise is tried.
        _ => Ok(found),
    }
}

/// From `Redis server v=7.0.15 sha=…`; Valkey says it likewise.
fn major(said: &str) -> Option<u32> {
    let (_, version) = said.split_once("v=")?;
    version.split('.').next()?.parse().ok()
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian and others keep servers where only root looks.
    let folders = std::env::split_paths(&path).chain(["/usr/bin".into(), "/usr/sbin".into()]);
    let folders: Vec<PathBuf> = folders.collect();
    ["redis-server", "valkey-server"]
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|program| program.is_file())
}

/// The user and group that the package made, or those that every system has.
fn unprivileged() -> (u32, u32) {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let ids = |name: &str| {
        let of = |line: &&str| line.split(':').next() == Some(name);
        let mut parts = users.lines().find(of)?.split(':').skip(2);
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    };
    ["redis", "valkey", "nobody"].into_iter().find_map(ids).unwrap_or((65534, 65534))
}

#[cfg(test)]
mod tests;
