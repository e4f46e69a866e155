//! Every dependency in the root manifest says why it is there, on its own line.

use super::Violation;
use super::toml::settings;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let manifest = settings(tree.get("Cargo.toml").unwrap_or_default());
    let mut violations: Vec<Violation> = Vec::new();
    for setting in &manifest {
        let [table, dependencies, name, ..] = setting.path.as_slice() else {
            continue;
        };
        let is_dependency = table == "workspace" && dependencies == "dependencies";
        if is_dependency && setting.comment.is_empty() {
            let violation = Violation::new(
                "Cargo.toml",
                setting.line,
                format!("the dependency {name} has no reason"),
                "end its line with `# why we need it`",
            );
            // An inline table is several settings on one line.
            if violations.last() != Some(&violation) {
                violations.push(violation);
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests;
