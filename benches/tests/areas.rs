//! Every area still runs: a floor speaks to tables, keys and scripts of ours by hand, and nothing
//! else says when those have changed.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::process::Command;

use es_testkit::Fixture;

/// Runs an area, which needs the servers in `needs`.
fn runs(area: &str, needs: &[&str]) {
    let needed = async {
        if let Some(lacking) = needs.iter().find(|name| std::env::var_os(name).is_none()) {
            es_testkit::skip(format!("set {lacking}, or use `cargo xtask test`"));
        }
        Fixture::new((), ())
    };
    es_testkit::run(needed, async |()| check(area));
}

fn check(area: &str) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_es-bench")).args([area, "--check"]).output().unwrap();
    let (told, failed) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{failed}");
    let rows = told.lines().filter(|line| line.starts_with(&format!("{area} "))).count();
    assert!(rows > 1, "{told}");
}

const POSTGRES: &str = "ES_TEST_POSTGRES_URL";
const REDIS: &str = "ES_TEST_REDIS_URL";

#[test]
fn memory() {
    runs("memory", &[]);
}

#[test]
fn sqlite() {
    runs("sqlite", &[]);
}

#[test]
fn postgres() {
    runs("postgres", &[POSTGRES]);
}

#[test]
fn redis() {
    runs("redis", &[REDIS]);
}

#[test]
fn projections() {
    runs("projections", &[POSTGRES]);
}

#[test]
fn bus() {
    runs("bus", &[POSTGRES, REDIS]);
}

#[test]
fn telemetry() {
    runs("telemetry", &[]);
}
