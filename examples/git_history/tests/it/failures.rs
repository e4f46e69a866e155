//! What cannot be done is said, and no success.

use crate::{program::fails, repository::Repository};

#[test]
fn a_repository_without_commits() {
    let repository = Repository::new();
    let complaint = fails(&repository.path(), &repository, &[]);
    assert!(complaint.contains("has no commits yet"), "{complaint}");
}

#[test]
fn no_repository_and_no_folder() {
    let repository = Repository::new();
    for path in [repository.beside("."), repository.beside("missing")] {
        let complaint = fails(&path, &repository, &[]);
        assert!(complaint.contains("is no git repository"), "{complaint}");
    }
}

#[test]
fn arguments_that_make_no_sense() {
    let mut repository = Repository::new();
    repository.commit("Ann");
    for (arguments, expected) in [
        (&["--tpo", "3"][..], "without --tpo"),
        (&["--top", "three"], "invalid digit"),
        (&["--store"], "--store URL"),
        (&["--store", "paper:"], "no store goes by \"paper\""),
        (&["--size-of", "a.txt"], "FILE@COMMIT"),
        (&["--size-of", "a.txt@missing"], "\"missing\" is no commit"),
        (&["--size-of", "a.txt@--all"], "\"--all\" is no commit"),
    ] {
        let complaint = fails(&repository.path(), &repository, arguments);
        assert!(complaint.contains(expected), "{arguments:?}: {complaint}");
    }
}
