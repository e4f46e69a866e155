//! A PostgreSQL server of our own.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::{free_port, install, is_root, run};

/// A server on a free port, with durable settings; it stops when this is dropped.
pub(crate) struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    url: String,
}

impl Postgres {
    pub(crate) fn start() -> Result<Self> {
        let programs = programs()?;
        let folder =
            std::env::temp_dir().join(format!("eventsource-postgres-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(&folder))?;
        }
        let port = free_port()?;
        let data = folder.join("data");
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let server = Self { programs, folder: folder.clone(), url };
        server.program("initdb", |initdb| {
            initdb.args(["--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8"]);
            initdb.args(["--locale=C", "-D"]).arg(&data);
        })?;
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} \
             -c max_connections=400 -c shared_buffers=256MB",
            folder.display()
        );
        server.program("pg_ctl", |pg_ctl| {
            pg_ctl.args(["start", "-w", "-s", "-o", &options, "-l"]).arg(folder.join("log"));
            pg_ctl.arg("-D").arg(&data);
        })?;
        eprintln!("PostgreSQL runs at {}", server.url);
        Ok(server)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Runs one of the server's programs, which refuse to run as root.
    fn program(&self, name: &str, arguments: impl FnOnce(&mut Command)) -> Result<()> {
        let program = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::null());
        arguments(&mut command);
        run(&mut command)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.folder.join("data");
        let stopped = self.program("pg_ctl", |pg_ctl| {
            pg_ctl.args(["stop", "-m", "immediate", "-s", "-D"]).arg(&data);
        });
        match stopped {
            Ok(()) => drop(std::fs::remove_dir_all(&self.folder)),
            Err(error) => eprintln!("PostgreSQL at {} was not stopped: {error:#}", self.url),
        }
    }
}

/// Where `initdb` and `pg_ctl` are; installed where they are missing and may be.
fn programs() -> Result<PathBuf> {
    if let Some(found) = find() {
        return Ok(found);
    }
    install("PostgreSQL", "postgresql", Some(super::POSTGRES_URL))?;
    find().context("PostgreSQL was installed and is not to be found")
}

/// Debian keeps the programs of each version in a folder of its own, outside of the path.
fn find() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default();
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    versions.sort();
    folders.splice(0..0, versions.into_iter().rev());
    folders
        .into_iter()
        .find(|folder| ["initdb", "pg_ctl"].iter().all(|program| folder.join(program).is_file()))
}
