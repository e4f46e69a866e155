//! One typed view of what `cargo metadata` says about the workspace.
//!
//! Not here: opinions. The checks under `tidy/` judge; this only reads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::run;

/// The facade: the one crate that may see all the others.
pub(crate) const FACADE: &str = "eventsource";

/// The packages, and who depends on whom after resolution.
#[derive(Default)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    /// By package id; empty unless loaded with `resolved`.
    pub(crate) edges: BTreeMap<String, Vec<Edge>>,
}

/// A member of the workspace or a dependency of one.
#[derive(Clone, Default)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) description: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) rust_version: Option<String>,
    /// Relative to the root for a member, absolute otherwise.
    pub(crate) manifest: String,
    pub(crate) features: Vec<String>,
    /// The servers that it needs to run: `package.metadata.xtask.needs`.
    pub(crate) needs: Vec<String>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) is_member: bool,
    pub(crate) is_publishable: bool,
}

/// A line of a manifest's dependency table.
#[derive(Clone, Default)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Whether it names a folder of this workspace.
    pub(crate) is_path: bool,
}

/// A resolved dependency. One package may be needed in several ways at once.
#[derive(Clone)]
pub(crate) struct Edge {
    pub(crate) to: String,
    pub(crate) kinds: Vec<Kind>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Normal,
    Build,
    Dev,
}

impl Metadata {
    /// The members alone; fast, and needs no registry.
    pub(crate) fn members_only() -> Result<Self> {
        Self::load(&["--no-deps"])
    }

    /// The members and everything below them, with every feature on.
    ///
    /// Covers every platform. That can need packages which no build on this
    /// machine has fetched, so without a network it covers this platform only,
    /// and says so.
    pub(crate) fn resolved() -> Result<Self> {
        let error = match Self::load(&["--all-features"]) {
            Ok(metadata) => return Ok(metadata),
            Err(error) => error,
        };
        let host = host()?;
        let arguments = ["--all-features", "--offline", "--filter-platform", &host];
        // When this fails too, the network was not the reason: show the first error.
        let metadata = Self::load(&arguments).map_err(|_| error)?;
        eprintln!("note: no network, so only dependencies for {host} are checked");
        Ok(metadata)
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.is_member)
    }

    pub(crate) fn package(&self, id: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.id == id)
    }

    fn load(arguments: &[&str]) -> Result<Self> {
        let mut command = run::cargo(["metadata", "--format-version", "1"]);
        let json = run::read(command.args(arguments))?;
        Self::parse(&json).context("cannot read the output of `cargo metadata`")
    }

    pub(crate) fn parse(json: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(json)?;
        let root = text(&value, "workspace_root")?;
        let members = list(&value, "workspace_members")?.iter().filter_map(Value::as_str).collect();
        let packages = list(&value, "packages")?
            .iter()
            .map(|package| Package::parse(package, &root, &members))
            .collect::<Result<_>>()?;
        let edges = match &value["resolve"] {
            Value::Null => BTreeMap::new(),
            resolve => list(resolve, "nodes")?
                .iter()
                .map(|node| Ok((text(node, "id")?, Edge::parse_all(node)?)))
                .collect::<Result<_>>()?,
        };
        Ok(Self { packages, edges })
    }
}

impl Package {
    /// Whether it lives under the folder `place` of the root.
    pub(crate) fn is_under(&self, place: &str) -> bool {
        self.is_member && Path::new(&self.manifest).starts_with(place)
    }

    fn parse(value: &Value, root: &str, members: &BTreeSet<&str>) -> Result<Self> {
        let id = text(value, "id")?;
        let manifest = text(value, "manifest_path")?;
        let relative = Path::new(&manifest).strip_prefix(root).ok();
        let is_member = members.contains(id.as_str());
        Ok(Self {
            name: text(value, "name")?,
            version: text(value, "version")?,
            description: optional(value, "description"),
            license: optional(value, "license"),
            rust_version: optional(value, "rust_version"),
            manifest: match relative {
                Some(path) if is_member => path.to_string_lossy().into_owned(),
                _ => manifest,
            },
            features: match &value["features"] {
                Value::Object(features) => features.keys().cloned().collect(),
                _ => Vec::new(),
            },
            needs: value["metadata"]["xtask"]["needs"]
                .as_array()
                .map(|needs| needs.iter().filter_map(Value::as_str).map(str::to_owned).collect())
                .unwrap_or_default(),
            dependencies: list(value, "dependencies")?
                .iter()
                .map(Dependency::parse)
                .collect::<Result<_>>()?,
            is_member,
            // `publish = false` arrives as an empty list of registries.
            is_publishable: value["publish"].as_array().is_none_or(|to| !to.is_empty()),
            id,
        })
    }
}

impl Dependency {
    fn parse(value: &Value) -> Result<Self> {
        Ok(Self {
            name: text(value, "name")?,
            kind: Kind::parse(&value["kind"]),
            is_path: value["path"].is_string(),
        })
    }
}

impl Edge {
    fn parse_all(node: &Value) -> Result<Vec<Self>> {
        list(node, "deps")?
            .iter()
            .map(|edge| {
                let kinds = list(edge, "dep_kinds")?.iter();
                Ok(Self {
                    to: text(edge, "pkg")?,
                    kinds: kinds.map(|kind| Kind::parse(&kind["kind"])).collect(),
                })
            })
            .collect()
    }
}

impl Kind {
    fn parse(value: &Value) -> Self {
        match value.as_str() {
            Some("dev") => Self::Dev,
            Some("build") => Self::Build,
            _ => Self::Normal,
        }
    }
}

fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = run::read(Command::new(rustc).arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("`rustc -vV` names no host")?.to_owned())
}

fn optional(value: &Value, field: &str) -> Option<String> {
    value[field].as_str().map(str::to_owned)
}

fn text(value: &Value, field: &str) -> Result<String> {
    optional(value, field).with_context(|| format!("the text `{field}` is missing"))
}

fn list<'a>(value: &'a Value, field: &str) -> Result<&'a Vec<Value>> {
    let list = value[field].as_array();
    list.with_context(|| format!("the list `{field}` is missing"))
}

#[cfg(test)]
mod tests;
