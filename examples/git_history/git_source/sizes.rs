//! Sizes of blobs, from one git that runs along with the log.

use std::{
    io::{BufRead, BufReader, Lines, Write},
    process::{Child, ChildStdin, ChildStdout},
};

use anyhow::{Context, Result};

use crate::Git;

/// So many that their answers fit into any pipe: while we write, git does not wait for us.
const AT_ONCE: usize = 256;

#[derive(Debug)]
pub(crate) struct Sizes {
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    _git: Child,
}

impl Sizes {
    pub(crate) fn new(git: &Git) -> Result<Self> {
        let mut git = git.partner(&["cat-file", "--batch-check=%(objectsize)"])?;
        let questions = git.stdin.take().context("git has no input")?;
        let answers = git.stdout.take().context("git has no output")?;
        let answers = BufReader::new(answers).lines();
        Ok(Self { questions, answers, _git: git })
    }

    /// The size of each blob; `None` for one that the repository does not have.
    pub(crate) fn of(&mut self, blobs: &[&str]) -> Result<Vec<Option<u64>>> {
        let mut sizes = Vec::with_capacity(blobs.len());
        for blobs in blobs.chunks(AT_ONCE) {
            let questions = blobs.join("\n") + "\n";
            self.questions.write_all(questions.as_bytes())?;
            for _ in blobs {
                let answer = self.answers.next().context("git cat-file ended early")??;
                sizes.push(answer.parse().ok());
            }
        }
        Ok(sizes)
    }
}
