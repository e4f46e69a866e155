//! Planted links, dead and alive.

use std::path::Path;

use super::Links;
use crate::tidy::tree::Tree;

fn faults(files: &[(&str, &str)], rustdoc: &Path) -> Vec<String> {
    let tree = Tree::from_iter(files.iter().copied());
    let links = Links::new(&tree, rustdoc);
    links.faults().iter().map(ToString::to_string).collect()
}

fn faults_of(link: &str) -> Vec<String> {
    let text = format!("# Top\n\n[x]({link})\n");
    let files =
        [("docs/a.md", text.as_str()), ("docs/b.md", "# One two\n"), ("crates/c/src/lib.rs", "")];
    faults(&files, Path::new("none"))
}

#[test]
fn files_folders_and_headings_are_met() {
    for link in ["b.md", "../docs/b.md#one-two", "#top", "../crates/c", "..", "./b.md"] {
        assert!(faults_of(link).is_empty(), "{link}");
    }
}

#[test]
fn what_is_missing_is_told_with_its_line() {
    let expected = "docs/a.md:3: dead link `c.md`: there is no such file";
    assert_eq!(faults_of("c.md"), [expected]);
    for link in ["b.md#one", "#bottom", "../../a.md", "/b.md/c", "b"] {
        assert_eq!(faults_of(link).len(), 1, "{link}");
    }
}

#[test]
fn links_to_the_site_of_the_repository_are_followed_here() {
    let site = "https://github.com/eventsource-rs/eventsource";
    assert!(faults_of(&format!("{site}/blob/main/docs/b.md#one-two")).is_empty());
    assert!(faults_of(&format!("{site}/tree/main/crates/c")).is_empty());
    assert!(faults_of(&format!("{site}/issues")).is_empty());
    assert_eq!(faults_of(&format!("{site}/blob/main/docs/c.md")).len(), 1);
}

#[test]
fn other_sites_are_not_asked() {
    assert!(faults_of("https://example.org/nowhere").is_empty());
    assert!(faults_of("https://docs.rs/other/latest/other/").is_empty());
}

#[test]
fn published_documentation_is_looked_up_in_what_was_built() {
    let folder = std::env::temp_dir().join(format!("xtask-links-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("c")).unwrap();
    std::fs::write(folder.join("c/struct.S.html"), "<p id=\"method.m\">").unwrap();
    std::fs::write(folder.join("c/index.html"), "").unwrap();
    let dead = |link: &str| {
        let text = format!("[x](https://docs.rs/{link})");
        faults(&[("a.md", text.as_str()), ("crates/c/Cargo.toml", "")], &folder).len()
    };
    assert_eq!(dead("c/latest/c/struct.S.html#method.m"), 0);
    assert_eq!(dead("c/latest/c/"), 0);
    assert_eq!(dead("c/latest/c/struct.S.html#method.n"), 1);
    assert_eq!(dead("c/latest/c/struct.T.html"), 1);
    assert_eq!(dead("c/0.1.0/c/struct.S.html"), 1);
    std::fs::remove_dir_all(folder).unwrap();
}
