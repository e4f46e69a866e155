//! Names that are taken or free, with links and without.

use std::fs;

use es_core::ErrorKind;

use super::{Unfinished, publish, publish_without_links};

#[test]
fn a_name_that_is_taken_stays_as_it_was() {
    for publish in [publish, publish_without_links] {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("backup.db");
        let unfinished = Unfinished::beside(&target).unwrap();
        fs::write(&unfinished.0, "new").unwrap();
        fs::write(&target, "old").unwrap();
        let error = publish(&unfinished.0, &target).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert_eq!(fs::read_to_string(&target).unwrap(), "old");

        fs::remove_file(&target).unwrap();
        publish(&unfinished.0, &target).unwrap();
        drop(unfinished);
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }
}

#[test]
fn a_name_that_cannot_be_had_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("backup.db");
    let missing = Unfinished::beside(&target).unwrap();
    let error = publish(&missing.0, &target).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(!target.exists());
}
