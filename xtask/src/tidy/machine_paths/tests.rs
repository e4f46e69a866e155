//! Planted paths of one machine.

use super::{NEEDLES, check};
use crate::tidy::tree::Tree;

fn found(text: String) -> Vec<usize> {
    let violations = check(&Tree::from_iter([("docs/notes.md", text)]));
    violations.iter().map(|violation| violation.line).collect()
}

#[test]
fn a_path_of_one_machine_is_found() {
    for needle in NEEDLES {
        assert_eq!(found(format!("First.\nSee {needle}file.\n")), [2]);
        assert_eq!(found(format!("{needle}file")), [1]);
        assert_eq!(found(format!("sqlite:{needle}file and file://{needle}x")), [1]);
    }
}

#[test]
fn a_folder_of_that_name_is_fine() {
    for needle in NEEDLES {
        assert!(found(format!("docs{needle}file")).is_empty());
        assert!(found(format!("https://example.org{needle}file")).is_empty());
    }
}
