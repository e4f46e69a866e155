//! Planted dependencies without a reason.

use super::check;
use crate::tidy::tree::Tree;

#[test]
fn only_a_line_without_a_reason_is_found() {
    let manifest = "\
[workspace.package]
version = \"0.1.0\"
[workspace.dependencies]
# A heading is no reason.
bytes = { version = \"1\", features = [\"std\"] }
serde = \"1\" # payloads
uuid = \"1\" #
[workspace.lints.rust]
unsafe_code = \"forbid\"
";
    let tree = Tree::from_iter([("Cargo.toml", manifest)]);
    let found: Vec<_> = check(&tree).iter().map(ToString::to_string).collect();
    let expected = [
        "Cargo.toml:5: the dependency bytes has no reason (end its line with `# why we need it`)",
        "Cargo.toml:7: the dependency uuid has no reason (end its line with `# why we need it`)",
    ];
    assert_eq!(found, expected);
}
