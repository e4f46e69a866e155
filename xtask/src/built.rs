//! What a build has made, by path: for steps that run it without asking cargo, which would build
//! it anew with the features that one package alone wants.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::Result;
use serde_json::Value;

use crate::run;

/// What a build has made that can be run.
#[derive(Default)]
pub(crate) struct Built {
    /// By name.
    pub(crate) programs: BTreeMap<String, PathBuf>,
    /// The programs that test a package, by its id.
    pub(crate) tests: BTreeMap<String, Vec<PathBuf>>,
}

/// The arguments of one build for all: apart, each of them would have every dependency with features
/// of its own.
const ALL: [&str; 3] = ["--workspace", "--all-features", "--all-targets"];

impl Built {
    /// Builds all of the workspace, with its tests.
    pub(crate) fn all() -> Result<Self> {
        Self::of(ALL)
    }

    /// Builds what the arguments say.
    pub(crate) fn of<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut command = run::cargo(["build", "--message-format=json-render-diagnostics"]);
        let command = command.args(arguments).stderr(Stdio::inherit());
        Ok(Self::read(&run::read_aloud(command)?))
    }

    /// What cargo tells of it: a line of JSON for each target.
    pub(crate) fn read(said: &str) -> Self {
        let mut built = Self::default();
        for made in said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let Some(path) = made["executable"].as_str().map(PathBuf::from) else { continue };
            // The tests of a program have its name.
            if made["profile"]["test"] == true {
                let package = made["package_id"].as_str().unwrap_or_default().to_owned();
                built.tests.entry(package).or_default().push(path);
            } else if let (Some(name), true) =
                (made["target"]["name"].as_str(), made["target"]["kind"][0] == "bin")
            {
                built.programs.insert(name.to_owned(), path);
            }
        }
        built
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Built;

    #[test]
    fn programs_and_tests_are_those_that_a_build_tells_of() {
        let said = r#"
{"reason":"compiler-artifact","package_id":"p#bank","target":{"kind":["lib"],"name":"bank"},"profile":{"test":false},"executable":null}
{"reason":"compiler-artifact","package_id":"p#bank","target":{"kind":["bin"],"name":"bank"},"profile":{"test":false},"executable":"/t/debug/bank"}
{"reason":"compiler-artifact","package_id":"p#bank","target":{"kind":["bin"],"name":"bank"},"profile":{"test":true},"executable":"/t/debug/deps/bank-1"}
{"reason":"compiler-artifact","package_id":"p#bank","target":{"kind":["test"],"name":"it"},"profile":{"test":true},"executable":"/t/debug/deps/it-1"}
{"reason":"build-finished","success":true}
no JSON"#;
        let built = Built::read(said);
        assert_eq!(built.programs.len(), 1);
        assert_eq!(built.programs["bank"], Path::new("/t/debug/bank"));
        let tests = [Path::new("/t/debug/deps/bank-1"), Path::new("/t/debug/deps/it-1")];
        assert_eq!(built.tests["p#bank"], tests);
    }
}
