//! Running git, and taking apart what it prints.

use std::{
    io::{BufRead, BufReader},
    iter,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, anyhow, ensure};

use crate::{Git, path};

/// What git prints, record by record.
pub(crate) type Records = Box<dyn Iterator<Item = Result<Vec<u8>>> + Send>;

impl Git {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut git = Command::new("git");
        // Hooks run with these two set, and they would win over the path.
        git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE");
        git.arg("-C").arg(&self.path).args(arguments);
        git.stdin(Stdio::null()).stdout(Stdio::piped());
        git
    }

    /// A short answer. When git fails, its own words are the error.
    pub(crate) fn answer(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command(arguments).output();
        let output = output.context("git does not start")?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}", complaint.trim());
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// What git prints, in records that end with `end`. The last one is an error if git
    /// failed, so whoever has seen the end has seen everything.
    pub(crate) fn records(&self, end: u8, arguments: &[&str]) -> Result<Records> {
        let git = self.command(arguments).spawn();
        let mut git = git.context("git does not start")?;
        let output = git.stdout.take().context("git has no output")?;
        let records = BufReader::new(output).split(end);
        let failure = iter::once_with(move || {
            let status = git.wait()?;
            ensure!(status.success(), "git failed: {status}");
            Ok(Vec::new())
        });
        let failure = failure.filter(Result::is_err);
        Ok(Box::new(records.map(|record| Ok(record?)).chain(failure)))
    }

    /// A git that answers questions until it is dropped.
    pub(crate) fn partner(&self, arguments: &[&str]) -> Result<Child> {
        let mut git = self.command(arguments);
        git.stdin(Stdio::piped()).spawn().context("git does not start")
    }
}

/// The fields of a record, as many as are asked for; the last one has all the rest.
pub(crate) fn fields<const N: usize>(record: &[u8], between: u8) -> Result<[&[u8]; N]> {
    let fields: Vec<_> = record.splitn(N, |byte| *byte == between).collect();
    let unexpected = |_| anyhow!("git printed {}", path::encoded(record));
    fields.try_into().map_err(unexpected)
}

/// A number; `None` for the dash that git prints where there is none.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Text that is safe to print and not too long to keep: authors can call themselves
/// anything.
pub(crate) fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
