//! Git's command line, read while it prints.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::{iter, path::PathBuf};

use anyhow::{Context, Result, anyhow};

pub(crate) struct Git(pub(crate) PathBuf);

/// What git prints, record by record; then an error if git failed.
pub(crate) type Records = Box<dyn Iterator<Item = Result<Vec<u8>>> + Send>;

impl Git {
    fn start(&self, arguments: &[&str]) -> Result<Child> {
        let mut git = Command::new("git");
        // Hooks run with these two, and they would win over the path.
        git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE");
        git.stdin(Stdio::piped()).stdout(Stdio::piped());
        git.arg("-C").arg(&self.0).args(arguments);
        git.spawn().context("git does not start")
    }

    /// What git prints, in records that end with `end`.
    pub(crate) fn records(&self, end: u8, arguments: &[&str]) -> Result<Records> {
        let mut git = self.start(arguments)?;
        let output = BufReader::new(git.stdout.take().context("git has no output")?);
        let failure = iter::once_with(move || match git.wait() {
            Ok(status) if status.success() => None,
            status => Some(Err(anyhow!("git failed: {status:?}"))),
        });
        Ok(Box::new(
            output
                .split(end)
                .map(|record| Ok(record?))
                .chain(failure.flatten()),
        ))
    }

    /// The lines that git prints.
    pub(crate) fn lines<C: FromIterator<String>>(&self, arguments: &[&str]) -> Result<C> {
        let lines = self.records(b'\n', arguments)?;
        lines.map(|line| Ok(String::from_utf8(line?)?)).collect()
    }

    /// A function from a blob to its size.
    pub(crate) fn sizes(&self) -> Result<impl FnMut(&str) -> Result<Option<u64>> + Send + use<>> {
        let mut git = self.start(&["cat-file", "--batch-check=%(objectsize)"])?;
        let mut answers = BufReader::new(git.stdout.take().context("git has no output")?).lines();
        let mut questions = git.stdin.take().context("git has no input")?;
        Ok(move |blob: &str| {
            writeln!(questions, "{blob}")?;
            Ok(answers.next().context("git cat-file ended")??.parse().ok())
        })
    }
}

/// A path as text that may name a stream: as it is, or with `%XX` where that cannot be.
pub(crate) fn encoded(path: &[u8]) -> String {
    let reserved = |c: char| c == '%' || c.is_control();
    match std::str::from_utf8(path) {
        Ok(text) if text.trim() == text && !text.contains(reserved) => text.to_owned(),
        _ => path.iter().map(|&byte| percent(byte)).collect(),
    }
}

fn percent(byte: u8) -> String {
    match byte {
        b'!'..=b'~' if byte != b'%' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    }
}
