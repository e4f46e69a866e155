//! Tests of the command line.

use super::{Args, Usage};

#[test]
fn words_after_the_dashes_are_not_ours() {
    let mut args = Args::new(["--release", "--", "--release", "x"]);
    assert!(args.flag("--release"));
    assert_eq!(args.rest(), ["--release", "x"]);
    assert!(args.finish().is_ok());
}

#[test]
fn an_option_takes_the_next_word_or_the_joined_one() {
    for words in [vec!["--store", "memory:"], vec!["--store=memory:"]] {
        let mut args = Args::new(words);
        assert_eq!(args.option("--store").unwrap().as_deref(), Some("memory:"));
        assert!(args.finish().is_ok());
    }
}

#[test]
fn an_option_without_a_value_is_an_error() {
    for words in [vec!["--store"], vec!["--store", "--release"]] {
        let error = Args::new(words).option("--store").unwrap_err();
        assert!(error.is::<Usage>(), "{error}");
    }
}

#[test]
fn an_option_does_not_take_a_longer_name() {
    let mut args = Args::new(["--stores", "x"]);
    assert_eq!(args.option("--store").unwrap(), None);
}

#[test]
fn what_nobody_took_is_an_error() {
    for words in [vec!["--unknown"], vec!["surplus"], vec!["--", "surplus"]] {
        let error = Args::new(words).finish().unwrap_err();
        assert!(error.is::<Usage>(), "{error}");
    }
}
