//! Running a child command: where, in which environment, and with an echo of it.
//!
//! Not here: which commands a verb runs.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How a verb, a step or a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Outcome {
    Passed,
    /// With the exit code to hand on; never 0.
    Failed(u8),
}

impl Outcome {
    pub(crate) fn passed_if(passed: bool) -> Self {
        if passed { Self::Passed } else { Self::Failed(1) }
    }

    fn of(status: ExitStatus) -> Self {
        if status.success() {
            return Self::Passed;
        }
        // A child that a signal ended has no code.
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        Self::Failed(code.unwrap_or(1))
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Passed => Self::SUCCESS,
            Outcome::Failed(code) => Self::from(code),
        }
    }
}

/// The root of the repository.
///
/// Asked at run time first, because a target directory may be shared between clones.
pub(crate) fn root() -> PathBuf {
    let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest_dir.parent().map_or_else(|| PathBuf::from("."), PathBuf::from)
}

/// A cargo command at the root, of the toolchain that runs this program.
pub(crate) fn cargo<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root()).args(args);
    // Cargo tells us of our own package. Build scripts of others look at these (ring's), and would run
    // again whenever a build by hand and one from here take turns.
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_a_package(name)) {
        command.env_remove(name);
    }
    if is_ci() {
        command.envs(CI_ENVIRONMENT);
    }
    command
}

fn is_of_a_package(name: &OsStr) -> bool {
    name.to_str()
        .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
}

pub(crate) fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty())
}

/// Logs are read as text there, and nothing is built twice.
const CI_ENVIRONMENT: [(&str, &str); 2] =
    [("CARGO_TERM_COLOR", "never"), ("CARGO_INCREMENTAL", "0")];

/// Echoes the command, runs it with our output, and waits for it.
pub(crate) fn run(command: &mut Command) -> Result<Outcome> {
    let line = line_of(command);
    eprintln!("$ {line}");
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    Ok(Outcome::of(status))
}

/// Like [`run`], but what has not ended in time is killed, with all that it started, and fails:
/// a test that hangs is to be named by a gate, not to use up the time of the machine.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Result<Outcome> {
    let line = line_of(command);
    eprintln!("$ {line}");
    // A group of its own, so that the tests die together with the runner that started them.
    let child = command.process_group(0).spawn();
    let mut child = child.with_context(|| format!("cannot start `{line}`"))?;
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Outcome::of(status));
        }
        if begun.elapsed() >= limit {
            let group = format!("-{}", child.id());
            Command::new("kill").args(["-KILL", "--", &group]).status()?;
            child.wait()?;
            eprintln!("error: `{line}` did not end within {limit:?} and was killed");
            return Ok(Outcome::Failed(1));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The standard output of a command that has to succeed.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let line = line_of(command);
    let output = command.output().with_context(|| format!("cannot start `{line}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        anyhow::bail!("`{line}` failed: {}", said.trim_end());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` printed no UTF-8"))
}

/// Like [`read`], with an echo of the command.
pub(crate) fn read_aloud(command: &mut Command) -> Result<String> {
    eprintln!("$ {}", line_of(command));
    read(command)
}

/// The command as one would type it at the root.
fn line_of(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_stem().unwrap_or(program.as_os_str());
    let variables = command
        .get_envs()
        .filter(|(name, _)| CI_ENVIRONMENT.iter().all(|(ours, _)| name != ours))
        .filter_map(|(name, value)| Some((name, value?)))
        .map(|(name, value)| format!("{}={}", name.to_string_lossy(), quoted(value)));
    variables
        .chain([quoted(name)])
        .chain(command.get_args().map(quoted))
        .collect::<Vec<_>>()
        .join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests;
