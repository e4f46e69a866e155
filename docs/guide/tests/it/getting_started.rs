//! Follows the chapter `getting-started` word by word, in an empty folder.
//!
//! What stands under `sh` is run, what stands under `rust` becomes `src/main.rs`, and what
//! stands under `text` must be what the last command printed. Two things differ from a
//! reader's machine, to be quick and to need no network: the working copy stands in for the
//! clone, and packages are built into this workspace's target folder and taken from those that
//! it has already fetched.

use std::{fs, os::unix::fs::symlink, path::PathBuf, process::Command};

use crate::documents::{blocks_of, root, target};

/// The folder that a reader begins in, and where the last `cd` has led.
struct Reader {
    folder: PathBuf,
    here: PathBuf,
    printed: String,
}

impl Reader {
    fn new() -> Self {
        // The same path each time: packages are built anew where theirs has changed.
        let place = root().to_string_lossy().replace('/', "-");
        let folder = std::env::temp_dir().join(format!("getting-started{place}"));
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir(&folder).unwrap();
        let here = folder.clone();
        // The profile of the workspace, so that its built packages fit.
        let settings = "[profile.dev]\ndebug = \"line-tables-only\"\n\
            [profile.dev.package.\"*\"]\nopt-level = 1\ndebug = false\n";
        fs::create_dir(here.join(".cargo")).unwrap();
        fs::write(here.join(".cargo/config.toml"), settings).unwrap();
        Self { folder, here, printed: String::new() }
    }

    fn type_in(&mut self, line: &str) {
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            ["git", "clone", url] => {
                let name = url.rsplit('/').next().unwrap();
                symlink(root(), self.folder.join(name)).unwrap();
            }
            ["cd", to] => self.here = self.here.join(to).canonicalize().unwrap(),
            ["cargo", ref arguments @ ..] => {
                let output = Command::new(env!("CARGO"))
                    .args(arguments)
                    .current_dir(&self.here)
                    .env("CARGO_NET_OFFLINE", "true")
                    .env("CARGO_TARGET_DIR", target())
                    .output()
                    .unwrap();
                let complaints = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "`{line}` failed:\n{complaints}");
                self.printed = String::from_utf8(output.stdout).unwrap();
            }
            _ => panic!("the test does not know what `{line}` does"),
        }
    }
}

#[test]
fn a_reader_gets_a_durable_account() {
    let mut reader = Reader::new();
    let (mut programs, mut answers) = (0, 0);
    for block in blocks_of("docs/guide/src/getting-started.md") {
        let text = &block.text;
        match block.language() {
            "sh" => text.lines().for_each(|line| reader.type_in(line)),
            "rust" => {
                let lines = text.lines().count();
                assert!(lines < 60, "the account takes {lines} lines");
                fs::write(reader.here.join("src/main.rs"), text).unwrap();
                programs += 1;
            }
            "text" => {
                assert_eq!(&reader.printed, text);
                answers += 1;
            }
            other => panic!("the test does not know what to do with `{other}`"),
        }
    }
    assert_eq!((programs, answers), (1, 2));
    assert!(reader.here.join("bank.db").is_file(), "the log is where the chapter says");
    fs::remove_dir_all(&reader.folder).unwrap();
}
