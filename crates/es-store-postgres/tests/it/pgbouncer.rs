//! A PgBouncer of the test's own, which lends connections by transaction.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::fs::MetadataExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use es_store_postgres::tokio_postgres::{Config, config::Host};
use tempfile::TempDir;

/// Fewer than the stores of a test ask for, so that they share them.
const CONNECTIONS: usize = 5;

pub(crate) struct PgBouncer {
    pub(crate) url: String,
    process: Child,
    _folder: TempDir,
}

impl PgBouncer {
    /// Starts one in front of the server at `url`, with `settings` besides its own. Without its
    /// program the test is skipped.
    pub(crate) fn start(url: &str, settings: &[&str]) -> Self {
        let Some(program) = program() else {
            es_testkit::skip("no pgbouncer: install it (on Debian: `apt-get install pgbouncer`)")
        };
        let config: Config = url.parse().unwrap();
        let [Host::Tcp(host)] = config.get_hosts() else { panic!("a host by its name: {url}") };
        let (server, user) = (config.get_ports()[0], config.get_user().unwrap());
        let database = config.get_dbname().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let password = config.get_password().map_or_else(String::new, |password| {
            format!(" password={}", String::from_utf8_lossy(password))
        });
        // Each transaction is given the connection that has been idle for longest: never the
        // one of the last.
        let text = format!(
            "[databases]\n{database} = host={host} port={server} dbname={database} \
             user={user}{password}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
             default_pool_size = {CONNECTIONS}\nserver_round_robin = 1\nmax_client_conn = 400\n\
             query_wait_timeout = 60\n{}\n",
            settings.join("\n")
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, text).unwrap();
        let mut command = Command::new(program);
        command.arg("--quiet").arg(&file).stdin(Stdio::null()).stdout(Stdio::null());
        if fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
            // It refuses to run as root, and gives that up itself.
            let open = Command::new("chmod").arg("755").arg(folder.path()).status();
            assert!(open.unwrap().success());
            command.args(["--user", "postgres"]);
        }
        let mut process = command.stderr(Stdio::null()).spawn().unwrap();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(process.try_wait().unwrap().is_none(), "pgbouncer does not start");
            std::thread::yield_now();
        }
        let url = format!("postgres://{user}@127.0.0.1:{port}/{database}");
        Self { url, process, _folder: folder }
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Whether this PgBouncer can keep prepared statements, if it is told to.
pub(crate) fn keeps_statements() -> bool {
    let version = program().and_then(|program| {
        let output = Command::new(program).arg("--version").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let number = text.lines().next()?.strip_prefix("PgBouncer ")?.to_owned();
        let mut parts = number.split('.').map(str::parse::<u32>);
        Some((parts.next()?.ok()?, parts.next()?.ok()?))
    });
    version >= Some((1, 21))
}

/// Debian keeps it where only administrators look.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/bin".into()]);
    folders.map(|folder| folder.join("pgbouncer")).find(|program| program.is_file())
}
