//! Tests of choosing examples and of what they are given.

use super::{Request, heading, started, verb};
use crate::args::{Args, Usage};
use crate::metadata::{Metadata, Package};

fn member(name: &str, place: &str) -> Package {
    Package {
        name: name.to_owned(),
        manifest: format!("{place}/{name}/Cargo.toml"),
        is_member: true,
        ..Package::default()
    }
}

fn workspace() -> Metadata {
    Metadata {
        packages: vec![
            member("shop", "examples"),
            member("es-core", "crates"),
            member("bank", "examples"),
        ],
        ..Metadata::default()
    }
}

fn named(name: &str) -> Request {
    Request { name: Some(name.to_owned()), ..Request::default() }
}

#[test]
fn without_a_name_all_run_in_alphabetical_order() {
    let metadata = workspace();
    let chosen = Request::default().choose(&metadata).unwrap();
    let names: Vec<_> = chosen.iter().map(|example| &example.name).collect();
    assert_eq!(names, ["bank", "shop"]);
}

#[test]
fn a_name_chooses_one() {
    let metadata = workspace();
    let chosen = named("shop").choose(&metadata).unwrap();
    assert_eq!(chosen.len(), 1);
    assert_eq!(chosen[0].name, "shop");
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    let error = named("es-core").choose(&workspace()).err().unwrap();
    assert!(error.is::<Usage>());
    assert!(error.to_string().ends_with("there are: bank, shop"), "{error}");
}

#[test]
fn no_examples_at_all_is_an_error() {
    assert!(Request::default().choose(&Metadata::default()).is_err());
}

#[test]
fn arguments_need_a_name() {
    let error = verb(Args::new(["--", "x"])).err().unwrap();
    assert!(error.is::<Usage>(), "{error}");
}

#[test]
fn the_store_goes_before_the_arguments() {
    let request = Request {
        store: Some("sqlite:x".to_owned()),
        rest: vec!["--fast".to_owned()],
        ..Request::default()
    };
    assert_eq!(request.arguments(), ["--store", "sqlite:x", "--fast"]);
}

#[test]
fn the_heading_says_what_it_shows() {
    let mut example = member("bank", "examples");
    assert_eq!(heading(&example), "bank");
    example.description = Some("Two accounts.".to_owned());
    assert_eq!(heading(&example), "bank: Two accounts.");
}

#[test]
fn a_server_is_started_once() {
    let (mut server, mut starts) = (None, 0);
    for _ in 0..2 {
        let start = || {
            starts += 1;
            Ok(starts)
        };
        assert_eq!(started(&mut server, start).unwrap(), &1);
    }
    assert_eq!(starts, 1);
    let mut none: Option<u8> = None;
    assert!(started(&mut none, || anyhow::bail!("it does not start")).is_err() && none.is_none());
}
