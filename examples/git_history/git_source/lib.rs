//! Git's command line as a source of facts: commits, what they did to files, and totals.
//!
//! It is read while it prints, so a history of any length fits into memory. Reading blocks
//! the thread. Nothing in here knows of events or of a log; that is what `src` is about.

mod commits;
mod path;
mod process;
mod sizes;
mod totals;

use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

pub use commits::{Change, Commit, Kind};
pub use path::shortened;
pub use totals::{Tally, Totals};

/// What makes `git log` count the same whatever the user has configured.
const LOG: &str = "-c log.diffMerges=separate -c log.showRoot=true -c diff.orderFile=/dev/null \
    -c core.attributesFile=/dev/null log --reverse --topo-order --no-mailmap --no-show-signature \
    --encoding=UTF-8 --no-color --no-abbrev --no-ext-diff --no-textconv --no-relative \
    --ignore-submodules=none --diff-algorithm=myers -M -l1000 --numstat -z";

/// The ids of some commits.
pub type Ids = HashSet<String>;

/// A local repository.
#[derive(Debug)]
pub struct Git {
    path: PathBuf,
}

impl Git {
    /// The repository that `path` lies in.
    ///
    /// # Errors
    /// When there is none, or git does not run.
    pub fn open(path: &Path) -> Result<Self> {
        let path = path.to_owned();
        let git = Self { path };
        let none = || format!("{} is no git repository", git.path.display());
        git.answer(&["rev-parse", "--git-dir"]).with_context(none)?;
        Ok(git)
    }

    /// The id of the commit that is checked out.
    ///
    /// # Errors
    /// When the repository has no commits yet.
    pub fn head(&self) -> Result<String> {
        let empty = || format!("{} has no commits yet", self.path.display());
        self.answer(&["rev-parse", "--verify", "HEAD^{commit}"]).with_context(empty)
    }

    /// The id of the commit that `revision` means.
    ///
    /// # Errors
    /// When it means none.
    pub fn commit(&self, revision: &str) -> Result<String> {
        let commit = format!("{revision}^{{commit}}");
        self.answer(&["rev-parse", "--verify", "--end-of-options", &commit])
            .with_context(|| format!("{revision:?} is no commit"))
    }

    /// Some of the commits that `head` reaches, for spot checks: itself, and both commits and
    /// merges from all over the history; the same ones each time.
    ///
    /// # Errors
    /// When git fails.
    pub fn sample(&self, head: &str) -> Result<Vec<String>> {
        let mut sample = Vec::new();
        for kind in ["--min-parents=0", "--merges"] {
            let count: usize = self.answer(&["rev-list", "--count", kind, head, "--"])?.parse()?;
            let ids = self.records(b'\n', &["rev-list", kind, head, "--"])?;
            for (at, id) in ids.enumerate() {
                let id = String::from_utf8(id?)?;
                if at % (count / 6 + 1) == 0 {
                    sample.push(id);
                }
            }
        }
        Ok(sample)
    }

    /// How many commits `head` reaches, itself among them.
    ///
    /// # Errors
    /// When git fails.
    pub fn count(&self, head: &str) -> Result<u64> {
        Ok(self.answer(&["rev-list", "--count", head, "--"])?.parse()?)
    }

    /// The ids of the commits that `head` reaches, itself among them.
    ///
    /// # Errors
    /// When git fails.
    pub fn reached(&self, head: &str) -> Result<Ids> {
        let ids = self.records(b'\n', &["rev-list", head, "--"])?;
        ids.map(|id| Ok(String::from_utf8(id?)?)).collect()
    }

    /// The files of `commit` by path, each with its size; `None` for submodules.
    ///
    /// # Errors
    /// When git fails.
    pub fn tree(&self, commit: &str) -> Result<BTreeMap<String, Option<u64>>> {
        let files = self.records(0, &["ls-tree", "-r", "-z", "-l", "--full-tree", commit])?;
        let size_by_path = |file: Result<Vec<u8>>| {
            let file = file?;
            let [about, path] = process::fields(&file, b'\t')?;
            let size = about.rsplit(|byte| *byte == b' ').next();
            Ok((path::encoded(path), size.and_then(process::number)))
        };
        files.map(size_by_path).collect()
    }
}
