//! No case is left out: the lists that the macros expand name every public case.

use std::{collections::BTreeSet, fs, path::Path};

/// Takes the place of the macro that makes tests of a list.
macro_rules! names {
    (($list:ident) $port:ident { $($promise:ident { $($case:ident)* })* }) => {
        const $list: &[&str] = &[$($(
            concat!(stringify!($port), "/", stringify!($promise), "::", stringify!($case)),
        )*)*];
    };
}

es_testkit::__store_cases!(names, (STORE));
es_testkit::__shared_cases!(names, (SHARED));
es_testkit::__snapshot_cases!(names, (SNAPSHOTS));
es_testkit::__checkpoint_cases!(names, (CHECKPOINTS));
es_testkit::__dead_letter_cases!(names, (DEAD_LETTERS));
es_testkit::__read_model_cases!(names, (READ_MODELS));
es_testkit::__bus_cases!(names, (BUSES));

#[test]
fn every_case_is_listed_once() {
    let lists = [STORE, SHARED, SNAPSHOTS, CHECKPOINTS, DEAD_LETTERS, READ_MODELS, BUSES];
    let listed: Vec<_> = lists.concat().into_iter().map(str::to_owned).collect();
    let unique: BTreeSet<_> = listed.iter().cloned().collect();
    assert_eq!(unique.len(), listed.len(), "a case is listed twice");
    let written: BTreeSet<_> =
        ["store", "shared", "progress", "read_model", "bus"].into_iter().flat_map(cases).collect();
    assert!(!written.is_empty());
    let left_out: Vec<_> = written.difference(&unique).collect();
    assert_eq!(left_out, [] as [&String; 0], "add them to src/cases.rs");
}

/// The public functions of every module of a port.
fn cases(port: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(port);
    let mut cases = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let promise = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let names = text.lines().filter_map(|line| line.strip_prefix("pub async fn "));
        cases.extend(names.map(|rest| {
            let name = rest.split(['(', '<']).next().unwrap_or_default();
            format!("{port}/{promise}::{name}")
        }));
    }
    cases
}
