//! The files of a Redis server: kept, put back, cut.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// The names under which a server keeps its data.
const NAMES: [&str; 2] = ["appendonlydir", "dump.rdb"];

/// The files that a server keeps its data in, and what may happen to them.
///
/// All but [`log_length`](Self::log_length) and [`copy`](Self::copy) want a server that is not
/// running.
#[derive(Debug)]
pub struct RedisData {
    folder: PathBuf,
    /// Of a copy, which goes with it.
    copy: Option<TempDir>,
}

impl RedisData {
    pub(super) fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), copy: None }
    }

    /// How many bytes of the append-only file the system has taken. Whether they are on the
    /// disk is another matter, and what `appendfsync` is about.
    ///
    /// # Panics
    /// When the server has no append-only file.
    #[must_use]
    pub fn log_length(&self) -> u64 {
        self.log().metadata().expect("the append-only file is there").len()
    }

    /// Cuts the append-only file down to its first `length` bytes: what a power cut leaves of
    /// it when the rest was not synced.
    ///
    /// # Panics
    /// When the server has no append-only file.
    pub fn cut_log(&self, length: u64) {
        let file = File::options().write(true).open(self.log());
        file.and_then(|file| file.set_len(length)).expect("the append-only file can be cut");
    }

    /// A copy of the files as they are now: a backup, or a clone.
    ///
    /// # Panics
    /// When they cannot be read.
    #[must_use]
    pub fn copy(&self) -> Self {
        let copy = tempfile::Builder::new().prefix("es-redis-copy").tempdir().expect("a folder");
        copy_all(&self.folder, copy.path());
        Self { folder: copy.path().to_owned(), copy: Some(copy) }
    }

    /// Puts these files in place of those of `other`: a restored backup.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn restore_to(&self, other: &Self) {
        debug_assert!(self.copy.is_some(), "a server's own files change");
        other.clear();
        copy_all(&self.folder, &other.folder);
    }

    /// Removes the files.
    pub fn clear(&self) {
        for path in NAMES.map(|name| self.folder.join(name)) {
            // One of them is never there.
            drop(fs::remove_dir_all(&path));
            drop(fs::remove_file(&path));
        }
    }

    /// The file that grows, of the several that make the append-only file since Redis 7.
    fn log(&self) -> PathBuf {
        let folder = fs::read_dir(self.folder.join(NAMES[0])).expect("an append-only file");
        let files = folder.flatten().map(|entry| entry.path());
        let mut growing: Vec<_> =
            files.filter(|path| path.to_string_lossy().ends_with(".incr.aof")).collect();
        growing.sort_by_key(|path| path.metadata().and_then(|file| file.modified()).ok());
        growing.pop().expect("a file that grows")
    }
}

fn copy_all(from: &Path, to: &Path) {
    for name in NAMES {
        let (from, to) = (from.join(name), to.join(name));
        if from.is_file() {
            fs::copy(from, to).expect("the file can be copied");
        } else if from.is_dir() {
            fs::create_dir_all(&to).expect("a folder");
            for entry in fs::read_dir(from).expect("the folder can be read").flatten() {
                fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy of the file");
            }
        }
    }
}
