//! Every chapter is among the doctests.

use std::{fs, path::Path};

#[test]
fn every_chapter_is_tested() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = fs::read_to_string(guide.join("chapters.rs")).unwrap();
    let mut chapters = 0;
    for entry in fs::read_dir(guide.join("src")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") && name != "SUMMARY.md" {
            assert!(list.contains(&format!("\"{name}\"")), "{name} is not in chapters.rs");
            chapters += 1;
        }
    }
    assert!(chapters > 0);
}
