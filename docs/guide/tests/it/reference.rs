//! The reference pages have every name of the facade, and none that is not there.

use std::collections::BTreeSet;

use crate::documents::{documents, text};

/// The names that the facade re-exports, one by one.
fn exported() -> BTreeSet<String> {
    let facade = text("crates/eventsource/src/lib.rs");
    let mut names = BTreeSet::new();
    for part in facade.split("pub use ").skip(1) {
        let (path, _) = part.split_once(';').unwrap();
        // What is hidden, what is renamed on its way, and whole modules.
        if !path.starts_with("es_") && !path.starts_with("open::") || path.contains(" as ") {
            continue;
        }
        let (_, list) = path.split_once("::").unwrap();
        let list = list.trim_matches(['{', '}']);
        names.extend(list.split(',').map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned));
    }
    names
}

#[test]
fn every_name_of_the_facade_is_in_its_area() {
    let pages = documents().into_iter().filter(|page| page.contains("/reference-"));
    let pages: String = pages.map(|page| text(&page)).collect();
    let names = exported();
    assert!(names.len() > 190, "{names:?}");
    let is_missing = |name: &&String| {
        !pages.contains(&format!("| [`{name}`](")) && !pages.contains(&format!("| [`{name}()`]("))
    };
    let missing: Vec<_> = names.iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "no reference page has {missing:?}");
}
