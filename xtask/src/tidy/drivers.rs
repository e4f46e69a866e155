//! Each driver is named by the crate that wraps it, and no runtime by es-core.
//!
//! Examples and benches may use a driver directly, beside the library.

use super::Violation;
use super::tree::Tree;
use crate::metadata::{Kind, Metadata};

/// The start of a driver's name, and the crates that may name it, in tests too.
const OWNERS: [(&str, &[&str]); 6] = [
    ("tokio-postgres", &["es-store-postgres"]),
    ("deadpool-postgres", &["es-store-postgres"]),
    ("rusqlite", &["es-store-sqlite"]),
    ("fred", &["es-redis"]),
    ("opentelemetry", &["es-telemetry"]),
    ("tracing-opentelemetry", &["es-telemetry"]),
];

/// Runtimes: the tests of es-core may use one, the crate may not.
const NOT_IN_CORE: [&str; 1] = ["tokio"];

pub(super) fn check(metadata: &Metadata, tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for package in metadata.members().filter(|p| p.is_under("crates")) {
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            let fix = if let Some(owners) = owners(name) {
                if owners.contains(&package.name.as_str()) {
                    continue;
                }
                format!("only {} may", owners.join(", "))
            } else if package.name == "es-core"
                && dependency.kind != Kind::Dev
                && NOT_IN_CORE.contains(&name)
            {
                "es-core has no runtime; move what waits to a crate above it".to_owned()
            } else {
                continue;
            };
            violations.push(Violation::new(
                &package.manifest,
                tree.line_setting(&package.manifest, name),
                format!("{} must not depend on {name}", package.name),
                fix,
            ));
        }
    }
    violations
}

/// A driver comes in several packages: `opentelemetry`, `opentelemetry_sdk`.
fn owners(name: &str) -> Option<&'static [&'static str]> {
    let is_part_of = |driver: &str| {
        let rest = name.strip_prefix(driver);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
    };
    let (_, owners) = OWNERS.into_iter().find(|(driver, _)| is_part_of(driver))?;
    Some(owners)
}

#[cfg(test)]
mod tests;
