//! Does the check check? Between the program and git stands a script that changes what git
//! says, once to the import and once to the check.

use std::{env, ffi::OsString, fs, os::unix::fs::PermissionsExt};

use crate::{
    program::{Run, command, run},
    repository::Repository,
};

/// Runs the program with a git whose output goes through `filter` when its arguments match
/// the shell pattern `when`.
fn with_liar(when: &str, filter: &str) -> Run {
    let mut repository = Repository::new();
    for round in 1..=5 {
        repository.write("one.txt", "line\n".repeat(round));
        repository.write("two.txt", "line\n");
        repository.commit("Ann");
    }
    let folder = repository.beside("liar");
    fs::create_dir(&folder).unwrap();
    let script = format!(
        "#!/bin/sh\nPATH=\"$HONEST_PATH\"\ncase \" $* \" in\n\
         {when}) git \"$@\" | {filter};;\n*) exec git \"$@\";;\nesac\n"
    );
    let git = folder.join("git");
    fs::write(&git, script).unwrap();
    fs::set_permissions(&git, PermissionsExt::from_mode(0o755)).unwrap();

    let honest = env::var_os("PATH").unwrap();
    let mut path = OsString::from(folder);
    path.push(":");
    path.push(&honest);
    let mut command = command(&repository);
    command.arg(repository.path());
    command.env("PATH", path).env("HONEST_PATH", honest);
    run(command)
}

const IMPORT: &str = "*' log '*' --raw '*";
const CHECK: &str = "*' log '*' --numstat -z --format='*";

#[track_caller]
fn assert_caught(run: &Run, complaint: &str) {
    assert!(!run.is_success, "{}", run.answers);
    assert!(run.complaints.contains(complaint), "{}", run.complaints);
}

#[test]
fn the_script_itself_is_harmless() {
    for when in [IMPORT, CHECK] {
        let run = with_liar(when, "cat");
        assert!(run.is_success, "{}", run.complaints);
    }
}

#[test]
fn another_number_of_lines() {
    for when in [IMPORT, CHECK] {
        let run = with_liar(when, r"sed -z 's/^\n*1\t0\tone.txt$/7\t0\tone.txt/'");
        assert_caught(&run, "one.txt: log Some(Tally { changes: 5, added: ");
        assert!(!run.complaints.contains("two.txt"), "{}", run.complaints);
    }
}

#[test]
fn another_author() {
    for when in [IMPORT, CHECK] {
        let run = with_liar(when, "sed -z s/Ann/Eve/");
        assert_caught(&run, "Ann <ann@example.org>");
        assert_caught(&run, "Eve <ann@example.org>");
    }
}

#[test]
fn another_size() {
    let run = with_liar("*' ls-tree '*", r"sed -z 's/ 5\ttwo/ 6\ttwo/'");
    assert_caught(&run, "log Some(5), git Some(6)");
    let run = with_liar("*' cat-file '*", "sed -u s/^5$/6/");
    assert_caught(&run, "log Some(6), git Some(5)");
}

#[test]
fn a_git_that_dies_on_the_way() {
    let run = with_liar(IMPORT, "(sed -z 9q; kill -9 $$)");
    assert_caught(&run, "git failed");
    assert!(!run.answers.contains("import 1"), "{}", run.answers);
    let run = with_liar(CHECK, "(sed -z 4q; kill -9 $$)");
    assert_caught(&run, "git failed");
    let run = with_liar(IMPORT, "head -c 700");
    assert_caught(&run, "git printed :100644 ");
    let run = with_liar("*' cat-file '*", "(sed -u 3q; kill -9 $$)");
    assert_caught(&run, "git cat-file ended early");
}

#[test]
fn a_commit_that_is_missing() {
    // The records of the first commit are seven.
    let run = with_liar(IMPORT, "sed -z 7q");
    assert_caught(&run, "Ann <ann@example.org>: log Some(1), git Some(5)");
}
