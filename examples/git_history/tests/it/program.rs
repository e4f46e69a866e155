//! Running the program, and reading what it prints.

use std::{
    path::Path,
    process::{Command, Output},
};

use crate::repository::{Repository, alone};

/// What the program printed, and whether it was content.
pub(crate) struct Run {
    pub(crate) is_success: bool,
    pub(crate) answers: String,
    pub(crate) complaints: String,
}

pub(crate) fn command(repository: &Repository) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_git_history"));
    alone(&mut program, &repository.beside("."));
    program.env("RUST_BACKTRACE", "0");
    program
}

pub(crate) fn run(mut command: Command) -> Run {
    let Output { status, stdout, stderr } = command.output().unwrap();
    Run {
        is_success: status.success(),
        answers: String::from_utf8(stdout).unwrap(),
        complaints: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// Runs it on the repository, and demands that it agrees with git.
pub(crate) fn answers(repository: &Repository, arguments: &[&str]) -> String {
    let mut command = command(repository);
    command.arg(repository.path()).args(arguments);
    agreed(run(command))
}

pub(crate) fn agreed(run: Run) -> String {
    let Run { is_success, answers, complaints } = run;
    assert!(is_success, "{answers}\n{complaints}");
    assert_eq!(answers.matches("agrees with git").count(), 2, "{answers}");
    answers
}

/// The row of a file: changes, lines added, lines removed.
pub(crate) fn row(answers: &str, file: &str) -> Option<[u64; 3]> {
    let numbers = answers.lines().find_map(|line| line.strip_suffix(&format!("  {file}")))?;
    let numbers: Vec<_> = numbers.split_whitespace().map(|n| n.parse().unwrap()).collect();
    Some(numbers.try_into().unwrap())
}

/// The size of each file at each commit according to `git ls-tree`, against the program's.
pub(crate) fn assert_sizes(repository: &Repository, files: &[&str], commits: &[String]) {
    let mut questions = Vec::new();
    let mut expected = Vec::new();
    for commit in commits {
        let tree = repository.bytes(["ls-tree", "-r", "-l", "-z", commit]);
        let tree = String::from_utf8(tree).unwrap();
        for file in files {
            let entry = tree.split('\0').find_map(|entry| entry.strip_suffix(&format!("\t{file}")));
            let size = entry.and_then(|entry| entry.split(' ').next_back()?.parse::<u64>().ok());
            questions.push(format!("--size-of={file}@{commit}"));
            expected.push(match size {
                Some(size) => format!("{file} has {size} bytes at {commit}"),
                None => format!("{file} is not there at {commit}"),
            });
        }
    }
    for (questions, expected) in questions.chunks(500).zip(expected.chunks(500)) {
        let words: Vec<_> =
            questions.iter().flat_map(|question| question.split_once('=')).collect();
        let words: Vec<_> = words.iter().flat_map(|(option, value)| [*option, *value]).collect();
        let answers = answers(repository, &words);
        let found: Vec<_> = answers.lines().filter(|line| line.contains(" at ")).collect();
        let found: Vec<_> = found.into_iter().filter(|line| !line.contains("git")).collect();
        assert_eq!(found, expected);
    }
}

pub(crate) fn fails(path: &Path, repository: &Repository, arguments: &[&str]) -> String {
    let mut command = command(repository);
    command.arg(path).args(arguments);
    let run = run(command);
    assert!(!run.is_success, "{}", run.answers);
    run.complaints
}
