//! Who may depend on whom: every crate stands on es-core and on no sibling, but for es-redis,
//! which stands on none and below two.
//!
//! The facade, the examples, the benches and xtask may see all of them.

use super::Violation;
use super::tree::Tree;
use crate::metadata::{FACADE, Kind, Metadata};

/// What tests may use besides.
const FOR_TESTS: [&str; 4] = ["es-core", "es-macros", "es-store-memory", "es-testkit"];

pub(super) fn check(metadata: &Metadata, tree: &Tree) -> Vec<Violation> {
    let crates = metadata.members().filter(|package| {
        let is_facade = package.name == FACADE;
        package.is_under("crates") && !is_facade
    });
    let mut violations = Vec::new();
    for package in crates {
        let ours = package.dependencies.iter().filter(|d| d.is_path);
        for dependency in ours {
            let allowed = match dependency.kind {
                Kind::Dev => &FOR_TESTS,
                Kind::Normal | Kind::Build => below(&package.name),
            };
            if allowed.contains(&dependency.name.as_str()) {
                continue;
            }
            let fix = match allowed {
                [] => "it may depend on none of ours".to_owned(),
                names => format!("of ours it may depend on: {}", names.join(", ")),
            };
            violations.push(Violation::new(
                &package.manifest,
                tree.line_setting(&package.manifest, &dependency.name),
                format!("{} must not depend on {}", package.name, dependency.name),
                fix,
            ));
        }
    }
    violations
}

/// The crates of ours that a crate stands on.
fn below(name: &str) -> &'static [&'static str] {
    match name {
        "es-macros" => &[],
        "es-core" => &["es-macros"],
        // What speaks to Redis and knows nothing of events, for the two that need it.
        "es-redis" => &[],
        "es-store-redis" | "es-bus" => &["es-core", "es-redis"],
        _ => &["es-core"],
    }
}

#[cfg(test)]
mod tests;
