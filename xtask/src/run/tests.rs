//! Tests of the echo and of the outcomes.

use std::process::Command;

use super::{Outcome, line_of, read, root, run};

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
fn the_root_holds_the_workspace() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("[workspace]"));
}
