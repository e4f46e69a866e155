//! The commits that `git log` prints, each with what it did to files.

use std::{collections::BTreeMap, mem};

use anyhow::{Context, Result, anyhow};

use crate::events::{Change, GitEvent};
use crate::git::{Git, Records, encoded};

/// Whatever the user configured, the same is counted.
const LOG: &str = "-c log.diffMerges=separate -c log.showRoot=true -c diff.orderFile=/dev/null \
    -c core.attributesFile=/dev/null log --reverse --topo-order --no-mailmap --no-show-signature \
    --encoding=UTF-8 -z --numstat -M -l1000 --diff-algorithm=myers --ignore-submodules=none \
    --no-relative --no-ext-diff --no-textconv --no-abbrev --no-color";

#[derive(Default)]
pub(crate) struct Commit {
    pub(crate) id: String,
    pub(crate) seconds: i64,
    pub(crate) author: String,
    pub(crate) subject: String,
    pub(crate) files: BTreeMap<String, File>,
}

/// What happened to a file, and the kind of event that tells it.
type File = (fn(Change) -> GitEvent, Change);

pub(crate) struct Commits {
    log: Records,
    ahead: Option<Vec<u8>>,
}

impl Commits {
    /// The commits that `head` reaches, parents first.
    pub(crate) fn reached(git: &Git, head: &str, options: &[&str]) -> Result<Self> {
        // No path begins with a slash, so no other record does.
        let header = "--format=/%H%n%P%n%at%n%an <%ae>%n%s";
        let log: Vec<_> = LOG.split_whitespace().chain([header]).collect();
        let log = git.records(0, &[&log, options, &[head, "--"]].concat())?;
        Ok(Self { log, ahead: None })
    }

    pub(crate) async fn next(&mut self) -> Result<Option<Commit>> {
        let header = match self.ahead.take() {
            None => self.log.next().await?,
            ahead => ahead,
        };
        let Some(header) = header else {
            return Ok(None);
        };
        let mut changes = Vec::new();
        while let Some(record) = self.log.next().await? {
            if !record.starts_with(b"/") {
                changes.push(record);
            } else if record != header {
                self.ahead = Some(record);
                break;
            } // else it is a merge again, with its changes to the next parent
        }
        parse(&header[1..], changes).map(Some)
    }
}

fn parse(header: &[u8], records: Vec<Vec<u8>>) -> Result<Commit> {
    let [id, parents, seconds, author, subject] = fields(header, b'\n')?;
    let is_merge = parents.contains(&b' ');
    let mut files = BTreeMap::<String, File>::new();
    let mut records = records.into_iter();
    while let Some(record) = records.next() {
        let record = record.trim_ascii_start();
        let mut path = || Ok(encoded(&records.next().context("git log was cut off")?));
        if record.starts_with(b":") {
            let [_, mode, _, blob, status] = fields(record, b' ')?;
            let (mut path, mut change) = (path()?, Change::default());
        } else {
            let [added, removed, name] = fields(record, b'\t')?;
        }
    }
    let (id, author, subject, seconds) = (
        text(id),
        text(author),
        text(subject),
        text(seconds).parse().unwrap_or(0),
    );
    Ok(Commit {
        id,
        seconds,
        author,
        subject,
        files,
    })
}

/// The fields of a record, which has as many as are asked for.
fn fields<const N: usize>(record: &[u8], between: u8) -> Result<[&[u8]; N]> {
    let fields: Vec<_> = record.splitn(N, |byte| *byte == between).collect();
    fields
        .try_into()
        .map_err(|_| anyhow!("git log printed {}", encoded(record)))
}

/// Text that is safe to print and not too long to keep.
fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
