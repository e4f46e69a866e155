//! A book of a few lines.

use super::{Chapter, body, chapters, drawn, page};
use crate::tidy::tree::Tree;

fn chapter(title: &str, file: &str) -> Chapter {
    Chapter { title: title.to_owned(), file: file.to_owned() }
}

#[test]
fn the_table_of_contents_is_read_in_order() {
    let tree = Tree::from_iter([
        ("docs/guide/src/SUMMARY.md", "# Summary\n\n- [B](b.md)\n  - [The `A`](a.md)\n"),
        ("docs/guide/src/a.md", "# A\n"),
        ("docs/guide/src/b.md", "# B\n"),
    ]);
    let mut faults = Vec::new();
    assert_eq!(chapters(&tree, &mut faults), [chapter("B", "b.md"), chapter("The A", "a.md")]);
    assert!(faults.is_empty());
}

#[test]
fn a_chapter_that_nobody_finds_is_a_fault() {
    let tree = Tree::from_iter([
        ("docs/guide/src/SUMMARY.md", "- [B](b.md)\n"),
        ("docs/guide/src/b.md", "# B\n"),
        ("docs/guide/src/c.md", "# C\n"),
    ]);
    let mut faults = Vec::new();
    chapters(&tree, &mut faults);
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].path, "docs/guide/src/c.md");
}

#[test]
fn lines_that_only_make_an_example_run_are_not_shown() {
    let shown = body("```rust,no_run\n# fn main() {\nlet x = 1;\n#\n#[test]\n# }\n```\n");
    assert!(shown.contains("let x = 1;\n#[test]\n</code>"), "{shown}");
    assert!(!shown.contains("main"), "{shown}");
}

#[test]
fn a_comment_of_a_shell_is_shown() {
    assert!(body("```sh\n# a comment\nls\n```\n").contains("# a comment"));
}

#[test]
fn links_lead_to_pages_and_to_the_documentation_beside_them() {
    assert!(body("[x](a.md#b)").contains("href=\"a.html#b\""));
    let docs = "https://docs.rs/eventsource/latest/eventsource/struct.Store.html";
    assert!(body(&format!("[x]({docs})")).contains("\"../doc/eventsource/struct.Store.html\""));
    assert!(body("[x](https://a.org/b.md)").contains("https://a.org/b.md"));
}

#[test]
fn headings_have_names() {
    assert!(body("## One `two`\n").contains("<h2 id=\"one-two\">"));
}

#[test]
fn a_page_lists_all_chapters_and_names_the_next() {
    let chapters = [chapter("One", "one.md"), chapter("A < B", "two.md")];
    let page = page("# One\n", 0, &chapters);
    assert!(page.contains("class=\"here\" href=\"one.html\""));
    assert!(page.contains("<p class=\"next\"><a href=\"two.html\">A &lt; B</a></p>"));
}

#[test]
fn a_picture_that_is_older_than_its_text_is_a_fault() {
    let faults_of = |picture: &str| {
        let tree = Tree::from_iter([("a/b.mmd", "A --> B\n"), ("a/b.svg", picture)]);
        let mut faults = Vec::new();
        drawn(&tree, &mut faults);
        faults.len()
    };
    assert_eq!(faults_of("<svg><desc>A --&gt; B\n</desc></svg>"), 0);
    assert_eq!(faults_of("<svg><desc>A --&gt; C\n</desc></svg>"), 1);
}
