//! Copies of a log that is in use.
//!
//! # Hazard
//! A copy that is cut short looks like a log; one that takes a name which is in use destroys
//! what was there.
//! # Mechanism
//! SQLite writes the copy under a temporary name in the folder of the target, as of one
//! moment. It is brought to the disk, and only then gets its name, by a link, which fails
//! where there is something already.
//! # Why it is sound
//! Before the link there is no copy, behind it a whole one. Whatever ends the work early
//! takes the temporary file away; only the end of the process leaves it, under a name that
//! says what it is.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use es_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, ErrorCode};

use crate::error::from_driver;

/// How many steps of SQLite's machine lie between two looks for somebody who still waits.
const STEPS: i32 = 10_000;

/// Whether somebody still waits for a copy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted(Arc<AtomicBool>);

/// As long as it lives, somebody waits.
#[derive(Debug)]
pub(crate) struct Waits(Wanted);

impl Wanted {
    pub(crate) fn new() -> (Self, Waits) {
        let wanted = Self::default();
        (wanted.clone(), Waits(wanted))
    }

    fn is_over(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::SeqCst);
    }
}

/// Has a connection of its own look whether the copy is wanted while it makes it.
pub(crate) fn stop_when_unwanted(connection: &mut Connection, wanted: &Wanted) -> Result<()> {
    let wanted = wanted.clone();
    connection.progress_handler(STEPS, Some(move || wanted.is_over())).map_err(from_driver)
}

/// Copies what `connection` sees to `target`, where nothing may be yet.
pub(crate) fn copy(connection: &Connection, target: &Path, wanted: &Wanted) -> Result<()> {
    let target = std::path::absolute(target).map_err(|error| cannot(target, error))?;
    if fs::symlink_metadata(&target).is_ok() {
        return Err(taken(&target));
    }
    let unfinished = Unfinished::beside(&target)?;
    let name = unfinished.0.to_str().ok_or_else(|| {
        let message = format!("a backup cannot be named {}: use UTF-8", target.display());
        Error::new(ErrorKind::Invalid, message)
    })?;
    connection.execute("VACUUM INTO ?1", [name]).map_err(|error| failed(&target, error))?;
    if wanted.is_over() {
        return Err(unwanted());
    }
    to_disk(&unfinished.0).map_err(|error| cannot(&target, error))?;
    publish(&unfinished.0, &target)?;
    drop(unfinished);
    folder_to_disk(&target).map_err(|error| cannot(&target, error))
}

/// A copy that does not have its name yet. It goes, whatever happens.
struct Unfinished(PathBuf);

impl Unfinished {
    fn beside(target: &Path) -> Result<Self> {
        let Some(name) = target.file_name() else {
            let message = format!("a backup cannot be named {}: name a file", target.display());
            return Err(Error::new(ErrorKind::Invalid, message));
        };
        let mut unfinished = name.to_owned();
        unfinished.push(format!(".{:016x}.unfinished", fastrand::u64(..)));
        Ok(Self(target.with_file_name(unfinished)))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
        let mut journal = self.0.clone().into_os_string();
        journal.push("-journal");
        drop(fs::remove_file(journal));
    }
}

/// Gives the copy its name, if that is free.
fn publish(unfinished: &Path, target: &Path) -> Result<()> {
    match fs::hard_link(unfinished, target) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(taken(target)),
        // Some file systems know no links.
        Err(_) => publish_without_links(unfinished, target),
    }
}

/// Takes the name with an empty file first, which whoever comes meanwhile sees, and then puts
/// the copy there.
fn publish_without_links(unfinished: &Path, target: &Path) -> Result<()> {
    match OpenOptions::new().write(true).create_new(true).open(target) {
        Ok(_) => fs::rename(unfinished, target).map_err(|error| {
            drop(fs::remove_file(target));
            cannot(target, error)
        }),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(taken(target)),
        Err(error) => Err(cannot(target, error)),
    }
}

fn to_disk(file: &Path) -> io::Result<()> {
    OpenOptions::new().read(true).write(true).open(file)?.sync_all()
}

/// A name is on the disk once its folder is, where folders can be told so.
fn folder_to_disk(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

fn failed(target: &Path, error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => unwanted(),
        Some(ErrorCode::CannotOpen) => cannot(target, error),
        _ => {
            let error = from_driver(error);
            let message = format!("the backup {} failed; nothing is there", target.display());
            Error::new(error.kind(), message).with_source(error)
        }
    }
}

fn cannot(target: &Path, error: impl Into<es_core::BoxError>) -> Error {
    let message = format!(
        "the backup {} cannot be written: is its folder there, and may we write?",
        target.display()
    );
    Error::new(ErrorKind::Unavailable, message).with_source(error)
}

fn taken(target: &Path) -> Error {
    let message = format!("{} is there already: name a file that is not", target.display());
    Error::new(ErrorKind::Invalid, message)
}

fn unwanted() -> Error {
    Error::new(ErrorKind::Unavailable, "nobody waits for the backup any more: nothing is there")
}

#[cfg(test)]
mod tests;
