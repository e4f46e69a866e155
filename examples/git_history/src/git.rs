//! Git's command line: what it prints, and the commits in that.

use std::io::{BufRead, BufReader};
use std::process::{ChildStdin, Command, Stdio};
use std::{collections::BTreeMap, iter, path::PathBuf};

use anyhow::{Context, Result, anyhow, ensure};

use crate::events::{Change, GitEvent};

/// Whatever the user has configured, the same is counted.
const LOG: &str = "-c log.diffMerges=separate -c log.showRoot=true -c diff.orderFile=/dev/null \
    -c core.attributesFile=/dev/null log --reverse --topo-order --no-mailmap --no-show-signature \
    --encoding=UTF-8 -z --numstat -M -l1000 --diff-algorithm=myers --ignore-submodules=none \
    --no-relative --no-ext-diff --no-textconv --no-abbrev --no-color \
    --format=/%n%H%n%P%n%at%n%an%x20<%ae>";

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
    pub(crate) fn run(&self, end: u8, arguments: &[&str]) -> Result<(Option<ChildStdin>, Records)> {
        let mut git = Command::new("git");
        // Hooks run with these two, which would win over the path.
        git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").arg("-C").arg(&self.0);
        git.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
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

    pub(crate) fn lines<C: FromIterator<String>>(&self, arguments: &[&str]) -> Result<C> {
        let (_, lines) = self.run(b'\n', arguments)?;
        lines.map(|line| Ok(String::from_utf8(line?)?)).collect()
    }

    /// The commits that `head` reaches, parents first.
    pub(crate) fn commits(
        &self,
        head: &str,
        options: &[&str],
    ) -> Result<impl Iterator<Item = Result<Commit>> + Send + use<>> {
        let log: Vec<_> = LOG.split_whitespace().collect();
        let (_, records) = self.run(0, &[&log, options, &[head, "--"]].concat())?;
        let mut records = records.peekable();
        Ok(iter::from_fn(move || commit(&mut records).transpose()))
    }
}

fn commit(records: &mut iter::Peekable<Records>) -> Result<Option<Commit>> {
    let Some(header) = records.next().transpose()? else {
        return Ok(None);
    };
    let [_, id, parents, seconds, author] = fields(&header, b'\n')?;
    let mut files = BTreeMap::<_, (fn(_) -> _, Change)>::new();
    // A merge repeats its header for each parent. No path begins with a slash.
    let other = |record: &Vec<u8>| record.starts_with(b"/") && *record != header;
    while let Some(record) = records.next_if(|record| !record.as_ref().is_ok_and(other)) {
        let record = record?;
        let record = record.trim_ascii_start();
        let mut next_path = || Ok(name(&records.next().context("git log was cut off")??));
        if record.starts_with(b":") {
            let [_, mode, _, blob, status] = fields(record, b' ')?;
            let (kind, is_pair): (fn(_) -> _, _) = match status {
                [b'A', ..] => (GitEvent::FileAdded, false),
                [b'C', ..] => (GitEvent::FileAdded, true),
                [b'D', ..] => (GitEvent::FileDeleted, false),
                [b'R', ..] => (GitEvent::FileRenamed, true),
                _ => (GitEvent::FileModified, false),
            };
            let old: Option<String> = is_pair.then(&mut next_path).transpose()?;
            let path: String = next_path()?;
            // Deleted files and submodules have none.
            let blob = (mode != b"000000" && mode != b"160000").then(|| text(blob));
            if let Some(old) = old.clone()
                && status.starts_with(b"R")
            {
                let other = Some(path.clone());
                files.insert(
                    old,
                    (GitEvent::FileRenamedAway, Change { other, ..Change::default() }),
                );
            }
            files.insert(path, (kind, Change { other: old, blob, ..Change::default() }));
        } else if !record.starts_with(b"/") {
            let [added, removed, path] = fields(record, b'\t')?;
            let path = match name(path) {
                both if both.is_empty() => {
                    next_path()?;
                    next_path()?
                }
                path => path,
            };
            let (_, change) =
                files.entry(path).or_insert_with(|| (GitEvent::FileModified, Change::default()));
            (change.added, change.removed) = (text(added).parse().ok(), text(removed).parse().ok());
        }
    }
    if parents.contains(&b' ') {
        for (kind, change) in files.values_mut() {
            *kind = GitEvent::FileMerged;
            // They were counted where they were written.
            (change.added, change.removed) = (None, None);
        }
    }
    let (id, author, seconds) = (text(id), text(author), text(seconds).parse().unwrap_or(0));
    Ok(Some(Commit { id, seconds, author, files }))
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
