//! Git's command line: what it prints, and the commits in that.

use std::io::{BufRead, BufReader};
use std::process::{ChildStdin, Command, Stdio};
use std::{collections::BTreeMap, iter, path::PathBuf};

use anyhow::{Context, Result, anyhow, ensure};

use crate::history::{Change, GitEvent};

pub(crate) type Records = Box<dyn Iterator<Item = Result<Vec<u8>>> + Send>;

pub(crate) struct Commit {
    pub(crate) id: String,
    pub(crate) seconds: i64,
    pub(crate) author: String,
    /// By path: the kind of event, and what it says.
    pub(crate) files: BTreeMap<String, (fn(Change) -> GitEvent, Change)>,
}

pub(crate) struct Git(pub(crate) PathBuf);

impl Git {
    /// Starts git: what it reads, and the records that it prints, each before an `end`.
    pub(crate) fn run(&self, end: u8, arguments: &str) -> Result<(Option<ChildStdin>, Records)> {
        let mut git = Command::new("git");
        // Hooks run with these two, which would win over the path.
        git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").arg("-C").arg(&self.0);
        git.args(arguments.split_whitespace()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut git = git.spawn().context("git does not start")?;
        let output = BufReader::new(git.stdout.take().context("git prints nothing")?);
        let input = git.stdin.take();
        let done = iter::once_with(move || {
            let status = git.wait()?;
            ensure!(status.success(), "git failed: {status}");
            Ok(None)
        });
        let records = output.split(end).map(|record| Ok(Some(record?))).chain(done);
        Ok((input, Box::new(records.filter_map(Result::transpose))))
    }

    pub(crate) fn lines<C: FromIterator<String>>(&self, arguments: &str) -> Result<C> {
        let (_, lines) = self.run(b'\n', arguments)?;
        lines.map(|line| Ok(String::from_utf8(line?)?)).collect()
    }

    /// The next commit of `git log`, its parents before it.
    pub(crate) fn commit(log: &mut iter::Peekable<Records>) -> Result<Option<Commit>> {
        let Some(header) = log.next().transpose()? else {
            return Ok(None);
        };
        let [_, id, parents, seconds, author] = fields(&header, b'\n')?;
        let mut files = BTreeMap::<String, (fn(Change) -> GitEvent, Change)>::new();
        // No path begins with a slash. A merge repeats its header for each parent.
        let other = |record: &Vec<u8>| record.starts_with(b"/") && *record != header;
        while let Some(record) = log.next_if(|record| !record.as_ref().is_ok_and(other)) {
            let record = record?;
            let record = record.trim_ascii_start();
            let mut path = || Ok(name(&log.next().context("git log was cut off")??));
            if record.starts_with(b":") {
                let [_, mode, _, blob, status] = fields(record, b' ')?;
                let old = status.starts_with(b"R").then(&mut path).transpose()?;
            } else if !record.starts_with(b"/") {
                let [added, removed, path] = fields(record, b'\t')?;
            }
        }
        Ok(Some(Commit {
            id: text(id),
            seconds: text(seconds).parse().unwrap_or(0),
            author: text(author),
            files,
        }))
    }
}

/// As many fields as are asked for.
pub(crate) fn fields<const N: usize>(record: &[u8], between: u8) -> Result<[&[u8]; N]> {
    let fields: Vec<_> = record.splitn(N, |byte| *byte == between).collect();
    fields.try_into().map_err(|_| anyhow!("git printed {}", name(record)))
}

/// A path as text that may name a stream: as it is, or else with escapes.
pub(crate) fn name(path: &[u8]) -> String {
    let reserved = |c: char| c == '\\' || c.is_control();
    match std::str::from_utf8(path) {
        Ok(text) if text == text.trim() && !text.contains(reserved) => text.to_owned(),
        _ => path.escape_ascii().to_string().replace(' ', r"\x20"),
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace(char::is_control, "")
}
