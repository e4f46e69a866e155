//! Versions stand in the root manifest once; members take them from there.
//!
//! A dev-dependency on one of our own crates may stand by its path alone: cargo drops it
//! when it publishes, and so two crates that test each other can both be published.

use std::collections::BTreeMap;

use super::Violation;
use super::toml::{Setting, settings};
use super::tree::Tree;

const TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let manifests = tree.member_manifests();
    manifests.flat_map(|(path, text)| in_manifest(path, &settings(text))).collect()
}

fn in_manifest(path: &str, manifest: &[Setting]) -> Vec<Violation> {
    // A dependency may be spread over several lines and forms.
    let mut fields: BTreeMap<&[String], Vec<&Setting>> = BTreeMap::new();
    for setting in manifest {
        let table = setting.path.iter().position(|part| is_table(part));
        if let Some(dependency) = table.and_then(|at| setting.path.get(..at + 2)) {
            fields.entry(dependency).or_default().push(setting);
        }
    }
    let of_its_own = fields.into_iter().filter(|(dependency, settings)| {
        let field = |name: &str| settings.iter().find(|s| s.path[dependency.len()..] == [name]);
        let inherits = field("workspace").is_some_and(|setting| setting.value == "true");
        let sources = ["version", "path", "git", "registry"];
        let has = |name: &&str| field(name).is_some();
        let is_dev = dependency.iter().any(|part| part == "dev-dependencies");
        if is_dev && has(&"path") && !sources.iter().any(|source| *source != "path" && has(source))
        {
            return false;
        }
        !inherits || sources.iter().any(|source| field(source).is_some())
    });
    of_its_own
        .filter_map(|(dependency, settings)| {
            let name = dependency.last()?;
            let message = format!("the dependency {name} does not come from the workspace");
            let fix = format!("write `{name}.workspace = true`, and its version in the root");
            Some(Violation::new(path, settings.first()?.line, message, fix))
        })
        .collect()
}

fn is_table(part: &str) -> bool {
    TABLES.contains(&part)
}

#[cfg(test)]
mod tests;
