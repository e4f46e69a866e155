//! Tests of the echo and of the outcomes.

use std::{io::Read, process::Command, time::Duration};

use super::{Outcome, cargo, line_of, read, root, run, run_within};

#[test]
fn the_echo_can_be_typed() {
    let mut command = Command::new("/usr/bin/cargo");
    command.args(["doc", "--features", "a b", "it's"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    command.env("CARGO_INCREMENTAL", "0");
    assert_eq!(
        line_of(&command),
        r"RUSTDOCFLAGS='-D warnings' cargo doc --features 'a b' 'it'\''s'"
    );
}

#[test]
fn the_exit_code_of_a_child_is_kept() {
    let outcome = |script| run(Command::new("sh").args(["-c", script])).unwrap();
    assert_eq!(outcome("exit 0"), Outcome::Passed);
    assert_eq!(outcome("exit 101"), Outcome::Failed(101));
    assert_eq!(outcome("kill -9 $$"), Outcome::Failed(1));
}

#[test]
fn a_command_that_cannot_start_is_an_error() {
    let error = run(&mut Command::new("no-such-program")).unwrap_err();
    assert!(error.to_string().contains("no-such-program"), "{error}");
}

#[test]
fn a_failed_command_is_not_read() {
    let error = read(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err();
    assert!(error.to_string().ends_with("failed: why"), "{error}");
}

#[test]
fn what_cargo_told_of_this_package_is_not_handed_on() {
    let command = cargo(["build"]);
    let removed: Vec<_> = command.get_envs().filter(|(_, value)| value.is_none()).collect();
    for name in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"] {
        assert!(
            std::env::var_os(name).is_some() && removed.iter().any(|(removed, _)| *removed == name)
        );
    }
}

#[test]
fn the_root_holds_the_workspace() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("[workspace]"));
}

#[test]
fn what_hangs_is_killed_with_all_that_it_started() {
    // The child of the shell holds our end of the pipe for as long as it lives.
    let mut command = Command::new("sh");
    command.args(["-c", "sleep 1000 & echo started; wait"]);
    let (mut reader, writer) = std::io::pipe().unwrap();
    command.stdout(writer);
    let outcome = run_within(&mut command, Duration::from_millis(300)).unwrap();
    drop(command);
    assert_eq!(outcome, Outcome::Failed(1));
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    assert_eq!(said, "started\n");
}

#[test]
fn what_ends_in_time_keeps_its_exit_code() {
    let mut command = Command::new("sh");
    let outcome = run_within(command.args(["-c", "exit 7"]), Duration::from_secs(600)).unwrap();
    assert_eq!(outcome, Outcome::Failed(7));
}
