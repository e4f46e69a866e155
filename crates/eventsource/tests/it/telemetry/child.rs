//! Another process, which plays a role of these tests and says what it sees, line by line.

use std::{
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStdout, Command, Stdio},
};

pub(super) struct Other {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Other {
    /// Starts this program again, for the test `role` alone.
    pub(super) fn playing(role: &str, told: &[(&str, &str)]) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", role, "--nocapture"])
            .envs(told.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// What stands behind `mark` in the next line that has it.
    pub(super) fn says(&mut self, mark: &str) -> String {
        let mut lines = self.lines.by_ref().map(Result::unwrap);
        let line = lines.find(|line| line.contains(mark)).expect("the other process answers");
        line.split_once(mark).unwrap().1.to_owned()
    }

    pub(super) fn ends_well(mut self) {
        assert!(self.process.wait().unwrap().success());
    }
}
