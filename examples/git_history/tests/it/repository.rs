//! Repositories to import: made by the real git, the same each time, gone afterwards.

use std::{
    env,
    ffi::OsStr,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
};

pub(crate) struct Repository {
    folder: PathBuf,
    commits: u64,
}

impl Repository {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name =
            format!("git_history-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = env::temp_dir().join(name);
        fs::create_dir_all(folder.join("repository")).unwrap();
        let repository = Self { folder, commits: 0 };
        repository.git(["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join("repository")
    }

    /// Room beside the repository.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.path().join(path)).unwrap();
    }

    /// Commits everything that lies there.
    pub(crate) fn commit(&mut self, author: &str) -> String {
        self.git(["add", "--all"]);
        self.commit_index(author)
    }

    /// Commits what the index has, which may be nothing new.
    pub(crate) fn commit_index(&mut self, author: &str) -> String {
        let author = format!("--author={author} <{}@example.org>", author.to_lowercase());
        self.dated(["commit", "--quiet", "--allow-empty", "-m", "a commit", &author]);
        self.head()
    }

    pub(crate) fn head(&self) -> String {
        self.git(["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// A git command that makes a commit, each a minute later than the one before.
    pub(crate) fn dated<S: AsRef<OsStr>>(&mut self, arguments: impl IntoIterator<Item = S>) {
        self.commits += 1;
        let date = format!("{} +0100", 1_600_000_000 + 60 * self.commits);
        let mut git = self.command(arguments);
        git.env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", &date);
        output(git, b"");
    }

    pub(crate) fn git<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> String {
        let output = output(self.command(arguments), b"");
        String::from_utf8_lossy(&output).into_owned()
    }

    pub(crate) fn bytes<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Vec<u8> {
        output(self.command(arguments), b"")
    }

    pub(crate) fn fast_import(&self, stream: &[u8]) {
        output(self.command(["fast-import", "--quiet", "--force"]), stream);
    }

    fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut git = Command::new("git");
        alone(&mut git, &self.folder);
        git.current_dir(self.path()).args(arguments);
        git
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Nothing of the machine's or the caller's settings reaches git.
pub(crate) fn alone(command: &mut Command, home: &Path) {
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(name);
        }
    }
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", home);
    command.env("XDG_CONFIG_HOME", home.join(".config"));
    command.env("GIT_AUTHOR_NAME", "Ann").env("GIT_AUTHOR_EMAIL", "ann@example.org");
    command.env("GIT_COMMITTER_NAME", "Carl").env("GIT_COMMITTER_EMAIL", "carl@example.org");
}

fn output(mut command: Command, input: &[u8]) -> Vec<u8> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
    output.stdout
}
