//! Members share the lints, the edition and the rest of the root's package fields.

use super::Violation;
use super::toml::settings;
use super::tree::Tree;

/// The settings every member needs, and the value of each.
const EVERYWHERE: [(&str, &str); 3] = [
    ("package.edition.workspace", "true"),
    ("package.rust-version.workspace", "true"),
    ("lints.workspace", "true"),
];

const PUBLISHED: [(&str, &str); 2] =
    [("package.version.workspace", "true"), ("package.license.workspace", "true")];

const NOT_PUBLISHED: [(&str, &str); 1] = [("package.publish", "false")];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, text) in tree.member_manifests() {
        let manifest = settings(text);
        let own: &[_] = if path.starts_with("crates/") { &PUBLISHED } else { &NOT_PUBLISHED };
        for (key, value) in EVERYWHERE.iter().chain(own) {
            let is_set = manifest
                .iter()
                .any(|setting| setting.path.join(".") == *key && setting.value == *value);
            if !is_set {
                let message = format!("`{key}` is not {value}");
                let fix = match key.strip_prefix("package.") {
                    Some(field) => format!("write `{field} = {value}` under [package]"),
                    None => format!("write `{key} = {value}`"),
                };
                violations.push(Violation::new(path, 1, message, fix));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests;
