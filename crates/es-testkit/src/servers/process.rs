//! A process of a server: found, started on a port, watched until it answers, killed.

use std::{
    fs::File,
    io::{Error, ErrorKind},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::reply::{Reply, ask};

/// How long a server may take until it answers. Nothing is measured with it, and a machine may
/// be very busy.
const STARTS_WITHIN: Duration = Duration::from_secs(120);

/// Where the server is. Without it the test is skipped.
pub(super) fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> =
        std::env::split_paths(&path).chain(["/usr/bin".into(), "/usr/sbin".into()]).collect();
    ["redis-server", "valkey-server"]
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|program| program.is_file())
        .unwrap_or_else(|| {
            crate::skip("no redis-server: install it (on Debian: `apt-get install redis-server`)")
        })
}

/// Finding a free port and taking it are two steps, and another process may be faster.
pub(super) const ATTEMPTS: usize = 5;

/// A port that was free just now.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("no port is free");
    listener.local_addr().expect("a listener has an address").port()
}

/// Starts `command` with its output in `log`, and waits until it answers on `port` in whatever
/// way.
pub(super) fn start(command: &mut Command, log: &Path, port: u16) -> Result<Child, Error> {
    let log = File::options().create(true).append(true).open(log)?;
    command.stdin(Stdio::null()).stderr(log.try_clone()?).stdout(log);
    let mut child = command.spawn()?;
    let until = Instant::now() + STARTS_WITHIN;
    while Instant::now() < until {
        if let Some(status) = child.try_wait()? {
            return Err(Error::other(format!("it ended: {status}")));
        }
        match ask(("127.0.0.1", port), &["INFO", "server"]) {
            // Whoever was faster to take the port answers there, too, and would be taken for
            // this one, which is about to end.
            Ok(Reply::Bytes(told)) if !is_of(&told, child.id()) => {
                kill(&mut child);
                return Err(ErrorKind::AddrInUse.into());
            }
            Ok(Reply::Bytes(_) | Reply::Error(_)) => return Ok(child),
            _ => thread::sleep(Duration::from_millis(5)),
        }
    }
    kill(&mut child);
    Err(ErrorKind::TimedOut.into())
}

/// Whether it is this process that told so of itself.
fn is_of(told: &[u8], process: u32) -> bool {
    let own = format!("process_id:{process}");
    String::from_utf8_lossy(told).lines().any(|line| line == own)
}

/// Kills the process, and waits until it is gone.
pub(super) fn kill(child: &mut Child) {
    // It may have ended by itself.
    drop(child.kill());
    drop(child.wait());
}

/// Sends a signal by its name.
pub(super) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "cannot send {name}");
}

/// Waits until `holds`; what it waits for is named when that does not come.
pub(super) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + STARTS_WITHIN;
    while !holds() {
        assert!(Instant::now() < until, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
