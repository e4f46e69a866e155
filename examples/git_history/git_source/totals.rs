//! How much was changed: what to add up, and what the sums are according to git.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use anyhow::{Context, Result, ensure};

use crate::{
    Change, Git, LOG,
    path::encoded,
    process::{fields, number, text},
};

/// How much was changed in some commits.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Commits by author.
    pub authors: BTreeMap<String, u64>,
    /// Changes by file. A rename counts for the new path; merges change nothing.
    pub files: BTreeMap<String, Tally>,
}

/// What was changed in one file, or in several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tally {
    /// Commits that changed it.
    pub changes: u64,
    /// Lines added.
    pub added: u64,
    /// Lines removed.
    pub removed: u64,
}

impl Totals {
    /// Counts a commit.
    pub fn add_commit(&mut self, author: &str) {
        *self.authors.entry(author.to_owned()).or_default() += 1;
    }

    /// Counts a change to a file.
    pub fn add_change(&mut self, change: &Change) {
        self.add_lines(&change.path, change.lines);
    }

    fn add_lines(&mut self, path: &str, lines: Option<(u64, u64)>) {
        let (added, removed) = lines.unwrap_or_default();
        let tally = self.files.entry(path.to_owned()).or_default();
        tally.changes += 1;
        tally.added += added;
        tally.removed += removed;
    }

    /// The files with most changes and the authors with most commits, as text.
    #[must_use]
    pub fn tables(&self, top: usize) -> String {
        let mut text = format!("\n{:>9} {:>9} {:>9}  file\n", "changes", "added", "removed");
        for (file, tally) in greatest(&self.files, top) {
            let (changes, added, removed) = (tally.changes, tally.added, tally.removed);
            text += &format!("{changes:>9} {added:>9} {removed:>9}  {file}\n");
        }
        text += &format!("\n{:>9}  author\n", "commits");
        for (author, commits) in greatest(&self.authors, top) {
            text += &format!("{commits:>9}  {author}\n");
        }
        text
    }

    /// Compares these totals with those of git.
    ///
    /// # Errors
    /// When they differ; it names the first differences.
    pub fn agree_with(&self, git: &Self) -> Result<()> {
        let mut all = differences(&self.authors, &git.authors);
        all.extend(differences(&self.files, &git.files));
        let (count, first) = (all.len(), all.get(..5).unwrap_or(&all));
        ensure!(count == 0, "git says otherwise of {count} authors and files:{}", first.concat());
        Ok(())
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let commits: u64 = self.authors.values().sum();
        let mut sum = Tally::default();
        for tally in self.files.values() {
            sum.changes += tally.changes;
            sum.added += tally.added;
            sum.removed += tally.removed;
        }
        write!(
            f,
            "{commits} commits of {} authors, {} changes to {} files, {} lines more and {} less",
            self.authors.len(),
            sum.changes,
            self.files.len(),
            sum.added,
            sum.removed
        )
    }
}

/// The rows with the greatest values; of equal ones the first by name.
fn greatest<T: Ord>(rows: &BTreeMap<String, T>, top: usize) -> Vec<(&String, &T)> {
    let mut rows: Vec<_> = rows.iter().collect();
    rows.sort_by(|(_, one), (_, other)| other.cmp(one));
    rows.truncate(top);
    rows
}

/// A line for each name of which the two say different things.
fn differences<T: PartialEq + fmt::Debug>(
    log: &BTreeMap<String, T>,
    git: &BTreeMap<String, T>,
) -> Vec<String> {
    let names: BTreeSet<_> = log.keys().chain(git.keys()).collect();
    let differ = names.into_iter().filter(|name| log.get(*name) != git.get(*name));
    let line = |name| format!("\n  {name}: log {:?}, git {:?}", log.get(name), git.get(name));
    differ.map(line).collect()
}

impl Git {
    /// The totals of the commits that `head` reaches, as the plain `git log --numstat` has
    /// them. Read apart from [`Git::commits`], so that a mistake there shows here.
    ///
    /// # Errors
    /// When git fails.
    pub fn totals(&self, head: &str) -> Result<Totals> {
        let mut log: Vec<_> = LOG.split_whitespace().collect();
        log.extend(["--format=/%an <%ae>", head, "--"]);
        let mut records = self.records(0, &log)?;
        let mut totals = Totals::default();
        while let Some(record) = records.next().transpose()? {
            // No path begins with a slash, so no other record does.
            if let Some(author) = record.strip_prefix(b"/") {
                totals.add_commit(&text(author));
                continue;
            }
            let [added, removed, path] = fields(record.trim_ascii_start(), b'\t')?;
            let mut path = path.to_vec();
            if path.is_empty() {
                // A rename or a copy: the old path, then the new one.
                for _ in 0..2 {
                    path = records.next().context("git log ended early")??;
                }
            }
            totals.add_lines(&encoded(&path), number(added).zip(number(removed)));
        }
        Ok(totals)
    }
}
