//! What `git log` prints, as commits with what each did to files.

use std::{collections::BTreeMap, iter, iter::Peekable};

use anyhow::{Context, Result, anyhow};

use crate::events::{Change, GitEvent};
use crate::git::{Git, Records, encoded};

/// Whatever the user configured, the same is counted.
const LOG: &str = "-c log.diffMerges=separate -c log.showRoot=true -c diff.orderFile=/dev/null \
    -c core.attributesFile=/dev/null log --reverse --topo-order --no-mailmap --no-show-signature \
    --encoding=UTF-8 -z --numstat -M -l1000 --diff-algorithm=myers --ignore-submodules=none \
    --no-relative --no-ext-diff --no-textconv --no-abbrev --no-color \
    --format=/%n%H%n%P%n%at%n%an%x20<%ae>%n%s";

pub(crate) struct Commit {
    pub(crate) id: String,
    pub(crate) seconds: i64,
    pub(crate) author: String,
    pub(crate) subject: String,
    /// By path: the kind of event and what is in it.
    pub(crate) files: BTreeMap<String, (fn(Change) -> GitEvent, Change)>,
}

/// The commits that `head` reaches, parents first.
pub(crate) fn commits(
    git: &Git,
    head: &str,
    options: &[&str],
) -> Result<impl Iterator<Item = Result<Commit>> + Send + use<>> {
    let log: Vec<_> = LOG.split_whitespace().collect();
    let mut records = git.records(0, &[&log, options, &[head, "--"]].concat())?.peekable();
    Ok(iter::from_fn(move || next(&mut records).transpose()))
}

fn next(records: &mut Peekable<Records>) -> Result<Option<Commit>> {
    let Some(header) = records.next().transpose()? else {
        return Ok(None);
    };
    let [_, id, parents, seconds, author, subject] = fields(&header, b'\n')?;
    let is_merge = parents.contains(&b' ');
    let mut files = BTreeMap::new();
    // No path begins with a slash. A merge repeats its header for each parent.
    let another = |record: &Vec<u8>| record.starts_with(b"/") && *record != header;
    while let Some(record) = records.next_if(|record| !record.as_ref().is_ok_and(another)) {
        let record = record?;
        let mut path = || Ok(encoded(&records.next().context("git log was cut off")??));
        match record.trim_ascii_start() {
            [b'/', ..] => {}
            raw @ [b':', ..] => {
                let [_, mode, _, blob, status] = fields(raw, b' ')?;
            }
            numbers => {
                let [added, removed, path] = fields(numbers, b'\t')?;
            }
        }
    }
    Ok(Some(Commit {
        id: text(id),
        seconds: text(seconds).parse().unwrap_or(0),
        author: text(author),
        subject: text(subject),
        files,
    }))
}

/// As many fields as are asked for.
fn fields<const N: usize>(record: &[u8], between: u8) -> Result<[&[u8]; N]> {
    let fields: Vec<_> = record.splitn(N, |byte| *byte == between).collect();
    fields.try_into().map_err(|_| anyhow!("git log printed {}", encoded(record)))
}

/// Text that is safe to print and not too long to keep.
fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
