//! The promised `rust-version` is one that our dependencies keep.
//!
//! Only what a user compiles counts: normal and build dependencies of the
//! published crates. Dev-dependencies may ask for a newer compiler.

use std::collections::BTreeSet;

use super::Violation;
use super::toml::settings;
use super::tree::Tree;
use crate::metadata::{Kind, Metadata, Package};

pub(super) fn check(metadata: &Metadata, tree: &Tree) -> Vec<Violation> {
    let manifest = settings(tree.get("Cargo.toml").unwrap_or_default());
    let promised =
        manifest.iter().find(|setting| setting.path.join(".") == "workspace.package.rust-version");
    let Some(promised) = promised else {
        let fix = "write `rust-version` under [workspace.package]";
        return vec![Violation::new("Cargo.toml", 1, "no rust-version", fix)];
    };
    let ours = parse(promised.value.trim_matches('"'));
    let mut above: Vec<_> = compiled_by_users(metadata)
        .into_iter()
        .filter_map(|package| Some((parse(package.rust_version.as_deref()?), package)))
        .filter(|(theirs, _)| *theirs > ours)
        .collect();
    above.sort_by(|(a, p), (b, q)| a.cmp(b).then_with(|| p.name.cmp(&q.name)));
    let Some((_, highest)) = above.last() else {
        return Vec::new();
    };
    let version = highest.rust_version.as_deref().unwrap_or_default();
    let names: Vec<_> = above.iter().map(|(_, p)| p.name.as_str()).collect();
    let message = format!(
        "rust-version is {}, but {} needs more",
        promised.value.trim_matches('"'),
        names.join(", "),
    );
    let fix = format!("{} asks for {version}: write that", highest.name);
    vec![Violation::new("Cargo.toml", promised.line, message, fix)]
}

fn compiled_by_users(metadata: &Metadata) -> Vec<&Package> {
    let published = metadata.members().filter(|p| p.is_publishable);
    let mut next: Vec<&str> = published.map(|package| package.id.as_str()).collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = next.pop() {
        if seen.insert(id) {
            let edges = metadata.edges.get(id).into_iter().flatten();
            let compiled = edges.filter(|e| e.kinds.iter().any(|kind| *kind != Kind::Dev));
            next.extend(compiled.map(|edge| edge.to.as_str()));
        }
    }
    seen.into_iter().filter_map(|id| metadata.package(id)).collect()
}

/// `1.89` and `1.89.0` are the same version.
fn parse(version: &str) -> (u32, u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next())
}

#[cfg(test)]
mod tests;
