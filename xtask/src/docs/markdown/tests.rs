//! Headings and links of small documents.

use super::{Link, Markdown, Names};

#[test]
fn links_and_images_are_found_with_their_lines() {
    let text = "# One\n\n[a](b.md)\n\n| x |\n|---|\n| [c](d#e) ![f](g.svg) |\n";
    let found = Markdown::parse(text).links;
    let link = |line, target: &str| Link { line, target: target.to_owned() };
    assert_eq!(found, [link(3, "b.md"), link(7, "d#e"), link(7, "g.svg")]);
}

#[test]
fn a_link_in_code_is_none() {
    assert!(Markdown::parse("`[a](b)`\n\n```text\n[a](b)\n```\n").links.is_empty());
}

#[test]
fn references_are_links_where_they_are_used() {
    let found = Markdown::parse("text [a]\n\n[a]: b.md\n").links;
    assert_eq!(found, [Link { line: 1, target: "b.md".to_owned() }]);
}

#[test]
fn headings_are_named_as_others_name_them() {
    let mut names = Names::default();
    assert_eq!(names.next("What it `promises`, and not"), "what-it-promises-and-not");
    assert_eq!(names.next("Limits"), "limits");
    assert_eq!(names.next("Limits"), "limits-1");
}

#[test]
fn a_heading_with_code_and_a_link_has_one_name() {
    let markdown = Markdown::parse("## The `--store` [flag](x.md)\n");
    assert_eq!(markdown.anchors.into_iter().collect::<Vec<_>>(), ["the---store-flag"]);
}
