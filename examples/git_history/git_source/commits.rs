//! Commits, parents first, each with what it did to files.

use std::{collections::BTreeMap, iter::Peekable};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::{
    Git, LOG,
    path::encoded,
    process::{Records, fields, number, text},
    sizes::Sizes,
};

/// A commit.
#[derive(Debug)]
pub struct Commit {
    /// Its hash.
    pub id: String,
    /// `Name <address>` of its author.
    pub author: String,
    /// When it was written, in seconds since 1970.
    pub seconds: i64,
    /// What it did, in the order of paths, each of which is there once.
    pub changes: Vec<(Kind, Change)>,
}

/// The kinds of changes to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The file is new, or a copy.
    Added,
    /// It has other content, another mode or another type.
    Modified,
    /// It is gone.
    Deleted,
    /// It is new, and was another path's before.
    Renamed,
    /// It is gone, and is another path's now.
    RenamedAway,
    /// A merge has it otherwise than one of its parents, or not at all.
    Merged,
}

/// What a commit did to a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The hash of the commit.
    pub commit: String,
    /// The path, as text: control characters, `%`, white space other than inner spaces, and
    /// what is not UTF-8 stand there as `%XX`.
    pub path: String,
    /// Where a rename came from, or went to.
    pub other_path: Option<String>,
    /// Lines added and removed. None are counted in binary files, nor by merges, whose lines
    /// were counted where they were written.
    pub lines: Option<(u64, u64)>,
    /// Bytes afterwards. There are none when the file is gone or is a submodule.
    pub size: Option<u64>,
}

impl Git {
    /// The commits that `head` reaches, parents first.
    ///
    /// # Errors
    /// When git does not start. When it fails later, the last item is the error.
    pub fn commits(
        &self,
        head: &str,
    ) -> Result<impl Iterator<Item = Result<Commit>> + Send + use<>> {
        let header = "--format=/%n%H%n%P%n%at%n%an <%ae>";
        let mut log: Vec<_> = LOG.split_whitespace().collect();
        log.extend(["-m", "--raw", header, head, "--"]);
        Ok(Commits { log: self.records(0, &log)?.peekable(), sizes: Sizes::new(self)? })
    }
}

/// By path: the change, and the blob that the file is afterwards.
type Files = BTreeMap<String, (Kind, Change, Option<String>)>;

struct Commits {
    log: Peekable<Records>,
    sizes: Sizes,
}

impl Iterator for Commits {
    type Item = Result<Commit>;

    fn next(&mut self) -> Option<Self::Item> {
        let header = self.log.next()?;
        Some(header.and_then(|header| self.commit(&header)))
    }
}

impl Commits {
    fn commit(&mut self, header: &[u8]) -> Result<Commit> {
        let [_, id, parents, seconds, author] = fields(header, b'\n')?;
        let id = text(id);
        let mut files = Files::new();
        while let Some(record) = self.more(header)? {
            match record.trim_ascii_start() {
                [b'/', ..] => {} // a merge has its header once for each parent
                raw @ [b':', ..] => self.raw(raw, &id, &mut files)?,
                numbers => self.numbers(numbers, &mut files)?,
            }
        }
        let mut changes = self.with_sizes(files)?;
        if parents.contains(&b' ') {
            for (kind, change) in &mut changes {
                *kind = Kind::Merged;
                (change.other_path, change.lines) = (None, None);
            }
        }
        Ok(Commit {
            id,
            author: text(author),
            // A broken date, of which there are some, is no reason to stop.
            seconds: text(seconds).parse().unwrap_or(0),
            changes,
        })
    }

    /// The next record, unless it is the header of another commit. No path begins with a
    /// slash, so no other record does.
    fn more(&mut self, header: &[u8]) -> Result<Option<Vec<u8>>> {
        let another = |record: &Vec<u8>| record.starts_with(b"/") && record != header;
        let more = |record: &Result<_>| !record.as_ref().is_ok_and(another);
        self.log.next_if(more).transpose()
    }

    /// `:MODE MODE BLOB BLOB STATUS`, then the path; of renames and copies the old one first.
    fn raw(&mut self, record: &[u8], commit: &str, files: &mut Files) -> Result<()> {
        let [_, mode, _, blob, status] = fields(record, b' ')?;
        let mut add = |kind, path: &str, other_path: Option<&str>, blob| {
            let change = Change {
                commit: commit.to_owned(),
                path: path.to_owned(),
                other_path: other_path.map(str::to_owned),
                lines: None,
                size: None,
            };
            files.insert(path.to_owned(), (kind, change, blob));
        };
        let is_blob = mode != b"000000" && mode != b"160000"; // gone, a submodule
        let blob = is_blob.then(|| text(blob));
        let path = self.path()?;
        match status.first() {
            Some(b'A') => add(Kind::Added, &path, None, blob),
            Some(b'C') => add(Kind::Added, &self.path()?, None, blob),
            Some(b'D') => add(Kind::Deleted, &path, None, blob),
            Some(b'R') => {
                let new = self.path()?;
                add(Kind::RenamedAway, &path, Some(&new), None);
                add(Kind::Renamed, &new, Some(&path), blob);
            }
            _ => add(Kind::Modified, &path, None, blob),
        }
        Ok(())
    }

    /// `ADDED REMOVED PATH`; of renames and copies no path here, but then both.
    fn numbers(&mut self, record: &[u8], files: &mut Files) -> Result<()> {
        let [added, removed, path] = fields(record, b'\t')?;
        let mut path = encoded(path);
        if path.is_empty() {
            self.path()?;
            path = self.path()?;
        }
        let file = files.get_mut(&path);
        let unknown = || format!("git counts the lines of {path}, but has no change of it");
        let (_, change, _) = file.with_context(unknown)?;
        change.lines = number(added).zip(number(removed));
        Ok(())
    }

    fn path(&mut self) -> Result<String> {
        let path = self.log.next().context("git log ended early")??;
        Ok(encoded(&path))
    }

    fn with_sizes(&mut self, files: Files) -> Result<Vec<(Kind, Change)>> {
        let blobs = files.values().filter_map(|(_, _, blob)| blob.as_deref());
        let mut sizes = self.sizes.of(&blobs.collect::<Vec<_>>())?.into_iter();
        let with_size = |(kind, mut change, blob): (_, Change, Option<_>)| {
            change.size = blob.and_then(|_| sizes.next().flatten());
            (kind, change)
        };
        Ok(files.into_values().map(with_size).collect())
    }
}
