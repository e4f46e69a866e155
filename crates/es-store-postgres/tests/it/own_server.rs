//! A server of the test's own, which it may kill.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::server::connect;

pub(crate) struct OwnServer {
    pub(crate) url: String,
    programs: PathBuf,
    folder: TempDir,
    port: u16,
}

impl OwnServer {
    /// Starts one with durable settings. Without its programs the test is skipped.
    pub(crate) fn start() -> Self {
        let mut server = Self::made();
        server.run_somewhere();
        server
    }

    /// Starts one that talks TLS with this certificate and key, as text in PEM, and nothing
    /// else, with those who show a certificate of `clients`, if there are any.
    #[cfg(feature = "tls")]
    pub(crate) fn start_with_tls(certificate: &str, key: &str, clients: Option<&str>) -> Self {
        let mut server = Self::made();
        let (data, settings) = (server.data(), server.data().join("postgresql.auto.conf"));
        let authority = clients.unwrap_or_default();
        for (name, text) in
            [("server.crt", certificate), ("server.key", key), ("clients.crt", authority)]
        {
            fs::write(data.join(name), text).unwrap();
            assert!(done(Command::new("chmod").arg("600").arg(data.join(name))));
        }
        let (method, file) = match clients {
            Some(_) => ("cert", "ssl_ca_file = 'clients.crt'\n"),
            None => ("trust", ""),
        };
        fs::write(settings, format!("ssl = on\n{file}")).unwrap();
        let line = format!("hostssl all all all {method}\n");
        fs::write(data.join("pg_hba.conf"), line).unwrap();
        if is_root() {
            assert!(done(Command::new("chown").args(["-R", "postgres"]).arg(data)));
        }
        server.run_somewhere();
        server
    }

    fn made() -> Self {
        let Some(programs) = programs() else {
            es_testkit::skip("no initdb and pg_ctl: install the server of PostgreSQL")
        };
        let server = Self::folder(programs);
        let mut initdb = server.program("initdb");
        initdb.args(["--auth=trust", "--username=postgres", "--no-sync", "--locale=C", "-D"]);
        assert!(done(initdb.arg(server.data())), "initdb failed");
        server
    }

    /// A folder for a server that is to be.
    fn folder(programs: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if is_root() {
            assert!(done(Command::new("chown").arg("postgres").arg(folder.path())));
        }
        Self { url: String::new(), programs, folder, port: 0 }
    }

    /// Runs it on a port that is free. Finding one and taking it are two steps, and somebody
    /// else may be faster.
    fn run_somewhere(&mut self) {
        let runs = (0..5).any(|_| {
            self.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            self.url = format!("postgres://postgres@127.0.0.1:{}/postgres", self.port);
            self.run()
        });
        assert!(runs, "it does not start");
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Runs the server, and says whether it came up.
    fn run(&self) -> bool {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=on \
             -c synchronous_commit=on -c full_page_writes=on -c shared_buffers=32MB",
            self.port
        );
        let mut pg_ctl = self.program("pg_ctl");
        pg_ctl.args(["start", "-w", "-s", "-o", &options, "-l"]);
        done(pg_ctl.arg(self.folder.path().join("log")).arg("-D").arg(self.data()))
    }

    /// A standby of this server, which streams from it, as it is now.
    pub(crate) fn standby(&self) -> Self {
        let mut standby = Self::folder(self.programs.clone());
        let mut backup = standby.program("pg_basebackup");
        backup.args(["--no-sync", "--checkpoint=fast", "--write-recovery-conf", "--dbname"]);
        assert!(done(backup.arg(&self.url).arg("-D").arg(standby.data())), "no base backup");
        standby.run_somewhere();
        standby
    }

    /// Where the one or the other is to be found that can be written to.
    pub(crate) fn or(&self, other: &Self) -> String {
        let [one, other] = [self.port, other.port].map(|port| format!("127.0.0.1:{port}"));
        format!("postgres://postgres@{one},{other}/postgres?target_session_attrs=read-write")
    }

    /// Kills the server and all of its processes as they are, and runs it again.
    pub(crate) fn crash(&self) {
        self.kill();
        // The port and the memory that they shared are given back a moment later.
        assert!((0..50).any(|_| self.run()), "it does not start again");
    }

    /// Kills the server and all of its processes as they are.
    pub(crate) fn kill(&self) {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let postmaster = file.lines().next().unwrap();
        // From here on it starts no process that would be missed, and write on.
        done(Command::new("kill").args(["-STOP", postmaster]));
        let children = processes().filter(|(_, of, _)| of == postmaster).map(|(pid, ..)| pid);
        let mut all: Vec<String> = children.collect();
        all.push(postmaster.to_owned());
        done(Command::new("kill").arg("-9").args(&all));
        while processes().any(|(pid, _, is_alive)| is_alive && all.contains(&pid)) {}
        // Its number may stay taken until somebody asks how it ended.
        fs::remove_file(self.data().join("postmaster.pid")).unwrap();
    }

    /// Puts a dump of one schema of another server into this one.
    pub(crate) fn copy(&self, url: &str, schema: &str) {
        let dump = self.folder.path().join("dump.sql");
        let mut pg_dump = self.program("pg_dump");
        pg_dump.args(["--no-owner", "--schema", schema, "--file"]).arg(&dump).arg(url);
        assert!(done(&mut pg_dump), "pg_dump failed");
        let mut psql = self.program("psql");
        psql.args(["--no-psqlrc", "--set=ON_ERROR_STOP=1", "--file"]).arg(&dump).arg(&self.url);
        assert!(done(&mut psql), "psql failed");
    }

    /// One of the server's programs, which refuse to run as root.
    fn program(&self, name: &str) -> Command {
        let own = self.programs.join(name);
        let program = if own.is_file() { own } else { name.into() };
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        let mut pg_ctl = self.program("pg_ctl");
        done(pg_ctl.args(["stop", "-m", "immediate", "-s", "-D"]).arg(self.data()));
    }
}

/// Skips a test that dumps the server at `url` where `pg_dump` is older than that, and refuses.
pub(crate) async fn dumps(url: &str) {
    let number = "SHOW server_version_num";
    let number: String = connect(url).await.query_one(number, &[]).await.unwrap().get(0);
    let own = programs().map_or_else(|| "pg_dump".into(), |folder| folder.join("pg_dump"));
    let program = if own.is_file() { own } else { "pg_dump".into() };
    let output = Command::new(program).arg("--version").output().ok();
    let version = output.and_then(|output| String::from_utf8(output.stdout).ok());
    let major = version.as_deref().and_then(|version| {
        let number = version.split_whitespace().find(|word| word.starts_with(char::is_numeric))?;
        number.split(|c: char| !c.is_numeric()).next()?.parse::<u32>().ok()
    });
    if major.is_none_or(|major| major < number.parse::<u32>().unwrap() / 10_000) {
        es_testkit::skip(
            "no pg_dump that is as new as the server: name its programs' folder in ES_TEST_POSTGRES_BIN",
        )
    }
}

/// Each process with its parent, and whether it has not ended, where the system tells.
fn processes() -> impl Iterator<Item = (String, String, bool)> {
    let listed = Command::new("ps").args(["-A", "-o", "pid=,ppid=,stat="]).output();
    let listed = listed.map(|output| String::from_utf8(output.stdout).unwrap());
    let lines: Vec<String> = listed.unwrap_or_default().lines().map(str::to_owned).collect();
    lines.into_iter().filter_map(|line| {
        let mut parts = line.split_whitespace().map(str::to_owned);
        Some((parts.next()?, parts.next()?, !parts.next()?.starts_with('Z')))
    })
}

/// Where the programs of the server are: in `ES_TEST_POSTGRES_BIN`, if that is set. Debian keeps
/// those of each version in a folder of its own, outside of the path.
fn programs() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("ES_TEST_POSTGRES_BIN") {
        return Some(folder.into());
    }
    let mut folders: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    folders.sort();
    folders.reverse();
    if let Some(path) = std::env::var_os("PATH") {
        folders.extend(std::env::split_paths(&path));
    }
    let has = |folder: &Path, name| folder.join(name).is_file();
    folders.into_iter().find(|folder| has(folder, "initdb") && has(folder, "pg_ctl"))
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn done(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
