//! Tests of reading manifests.

use super::settings;

fn read(text: &str) -> Vec<(usize, String, String, String)> {
    settings(text).into_iter().map(|s| (s.line, s.path.join("/"), s.value, s.comment)).collect()
}

fn row(line: usize, path: &str, value: &str, comment: &str) -> (usize, String, String, String) {
    (line, path.into(), value.into(), comment.into())
}

#[test]
fn tables_dotted_keys_and_inline_tables_are_one_path() {
    let text = "\
[package]
edition.workspace = true
[dependencies]
a = { workspace = true, features = [\"x\", \"y\"] } # why a
[dependencies.b]
workspace = true
";
    let expected = [
        row(2, "package/edition/workspace", "true", ""),
        row(4, "dependencies/a/workspace", "true", "why a"),
        row(4, "dependencies/a/features", r#"["x", "y"]"#, "why a"),
        row(6, "dependencies/b/workspace", "true", ""),
    ];
    assert_eq!(read(text), expected);
}

#[test]
fn a_hash_in_a_string_opens_no_comment() {
    let text = r##"a = "x # y \" # z" # why"##;
    assert_eq!(read(text), [row(1, "a", r##""x # y \" # z""##, "why")]);
}

#[test]
fn a_list_may_span_lines() {
    let text = "a = [\n  \"x\", # first\n  \"y\",\n] # why\nb = 1\n";
    let expected = [row(1, "a", r#"[  "x",   "y",]"#, "why"), row(5, "b", "1", "")];
    assert_eq!(read(text), expected);
}

#[test]
fn a_quoted_key_keeps_its_dots() {
    let text = "[target.'cfg(feature = \"a.b\")'.dependencies]\nc.workspace = true\n";
    let path = r#"target/cfg(feature = "a.b")/dependencies/c/workspace"#;
    assert_eq!(read(text), [row(2, path, "true", "")]);
}
