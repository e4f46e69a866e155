//! A Redis server of the test's own.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command},
};

use tempfile::TempDir;

use super::{
    RedisConfig, RedisData, Reply, ask,
    process::{self, ATTEMPTS, free_port, until},
};

/// A Redis server that a test may kill, pause, promote, wipe and run again.
///
/// It listens on a port of `127.0.0.1`, which it keeps, and needs no password. Calls block for
/// as long as the server takes, which is milliseconds.
#[derive(Debug)]
pub struct RedisServer {
    program: PathBuf,
    config: RedisConfig,
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl RedisServer {
    /// Starts a server. Without the program the test is skipped.
    ///
    /// # Panics
    /// When the server does not start, with what it said.
    #[must_use]
    pub fn start(config: &RedisConfig) -> Self {
        let program = process::program();
        let folder = tempfile::Builder::new().prefix("es-redis").tempdir().expect("a folder");
        let (config, port) = (config.clone(), 0);
        let mut server = Self { program, config, folder, port, process: None };
        for _ in 0..ATTEMPTS {
            server.port = free_port();
            if server.try_run().is_ok() {
                return server;
            }
        }
        panic!("the server does not start: {}", server.said());
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// The URL of the server, such as `redis://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// What the server has written to its log.
    #[must_use]
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("said")).unwrap_or_default()
    }

    /// Sends a command on a connection of its own.
    ///
    /// # Panics
    /// When the server is not there, does not reply within ten seconds, or refuses.
    pub fn ask<W: AsRef<[u8]>>(&self, words: &[W]) -> Reply {
        match ask(self.address(), words).expect("the server replies") {
            Reply::Error(error) => panic!("the server refuses: {error}"),
            reply => reply,
        }
    }

    /// One line of `INFO`, if it is there.
    #[must_use]
    pub fn info(&self, name: &str) -> Option<String> {
        let all = self.ask(&["INFO", "everything"]).text();
        let mut lines = all.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(other, _)| *other == name).map(|(_, value)| value.to_owned())
    }

    /// Changes a setting while the server runs. It is forgotten when the server ends.
    pub fn set(&self, name: &str, value: &str) {
        self.ask(&["CONFIG", "SET", name, value]);
    }

    /// Kills the server with `SIGKILL`, if it runs.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process::kill(&mut process);
        }
    }

    /// Runs the server on the same port and the same data, which it reads first.
    ///
    /// # Panics
    /// When the server does not start, with what it said.
    pub fn run_again(&mut self) {
        self.kill();
        // Its port is given back a moment later.
        assert!((0..ATTEMPTS).any(|_| self.try_run().is_ok()), "no start: {}", self.said());
    }

    /// Kills the server, throws its data away, and runs it again: what a volume that was not
    /// kept looks like.
    pub fn wipe(&mut self) {
        self.kill();
        self.data().clear();
        self.run_again();
    }

    /// The files that the server keeps its data in.
    #[must_use]
    pub fn data(&self) -> RedisData {
        RedisData::of(self.folder.path())
    }

    /// Stops the process with `SIGSTOP`: connections stay open, and nobody answers.
    pub fn pause(&self) {
        process::signal(self.running(), "STOP");
    }

    /// Lets a paused process go on.
    pub fn resume(&self) {
        process::signal(self.running(), "CONT");
    }

    /// Starts a replica of this server, and waits until it has caught up.
    #[must_use]
    pub fn replica(&self, config: &RedisConfig) -> Self {
        let of = format!("127.0.0.1 {}", self.port);
        let replica = Self::start(&config.clone().with("replicaof", of));
        replica.follows();
        replica
    }

    /// Waits until this replica has a copy of its primary and is fed by it.
    pub fn follows(&self) {
        until("the replica follows", || {
            self.info("master_link_status").as_deref() == Some("up")
                && self.info("master_sync_in_progress").as_deref() == Some("0")
        });
    }

    /// Waits until this replica has everything that `primary` has written.
    pub fn has_all_of(&self, primary: &Self) {
        let offset = |server: &Self| server.info("master_repl_offset");
        let all = offset(primary);
        let all: i64 = all.and_then(|all| all.parse().ok()).expect("an offset");
        until("the replica has all", || {
            offset(self).and_then(|own| own.parse::<i64>().ok()).is_some_and(|own| own >= all)
        });
    }

    /// Makes this server a replica of another one, whose data it takes.
    pub fn follow(&self, primary: &Self) {
        self.ask(&["REPLICAOF", "127.0.0.1", &primary.port.to_string()]);
        self.follows();
    }

    /// Makes this replica a primary, whatever it has not got from its primary yet.
    pub fn promote(&self) {
        self.ask(&["REPLICAOF", "NO", "ONE"]);
    }

    /// The folder of the server, for sockets and the like. It goes with the server.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn running(&self) -> &Child {
        self.process.as_ref().expect("the server runs")
    }

    fn try_run(&mut self) -> std::io::Result<()> {
        let mut command = Command::new(&self.program);
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--dir"]);
        command.arg(self.folder.path()).args(self.config.arguments());
        command.current_dir(self.folder.path());
        let log = self.folder.path().join("said");
        self.process = Some(process::start(&mut command, &log, self.port)?);
        // It answers while it still reads its data.
        until("the data is read", || matches!(ask(self.address(), &["PING"]), Ok(Reply::Bytes(_))));
        Ok(())
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
