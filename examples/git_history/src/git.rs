//! Git's command line, read while it prints.

use std::io::{BufRead, BufReader, Write};
use std::{iter, path::PathBuf, process};

use anyhow::{Context, Result, bail};

pub(crate) struct Git(pub(crate) PathBuf);

impl Git {
    fn start(&self, arguments: &[&str]) -> Result<process::Child> {
        let mut git = process::Command::new("git");
        // A hook runs with these set, and they would win over the path.
        git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE");
        git.arg("-C").arg(&self.0).args(arguments);
        git.stdin(process::Stdio::piped()).stdout(process::Stdio::piped());
        git.spawn().context("git does not start")
    }

    /// What git prints, in records that end with `end`; then an error if git failed.
    pub(crate) fn records(&self, end: u8, arguments: &[&str]) -> Result<Records> {
        let mut git = self.start(arguments)?;
        let output = BufReader::new(git.stdout.take().context("git has no output")?).split(end);
        let failure = iter::once_with(move || match git.wait() {
            Ok(status) if status.success() => None,
            status => Some(Err(anyhow!("git {arguments} failed: {status:?}"))),
        });
        Ok(Box::new(output.map(|record| Ok(record?)).chain(failure.flatten())))
    }
}
