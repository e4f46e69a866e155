//! The schema lock: a file that says what events look like on the wire, and a check that
//! they still do.
//!
//! Here is what a test calls. `file` is the lock on disk, `program` what the program says,
//! `compare` sets one against the other, `finding` says what came of it.

mod compare;
mod file;
mod finding;
mod program;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use es_core::{Event, Upcasters};

use self::{file::Lock, program::Program};

pub use self::finding::{SchemaFinding, SchemaLockError};

/// Compares the wire forms of a program's events with a file that is committed beside it.
///
/// The file has, for every event and version that was ever locked, the shape of its payload
/// and golden payloads. The check fails when
///
/// - a shape has changed so that written payloads no longer fit, or are read in part, and
///   the version is the same;
/// - an event or a version is gone and no upcaster starts from it;
/// - a golden payload no longer decodes: those of old versions through the upcasters;
/// - something is new or was changed safely, and not accepted yet.
///
/// Write it as a test. What is new and safe is accepted by running that test with
/// `ES_SCHEMA_ACCEPT=1` and committing the file; what is not safe is not accepted.
///
/// ```
/// use es_core::{Error, Event, Payload, Schema, Shape};
/// use es_testkit::SchemaLock;
/// # struct Deposited(u64);
/// # impl Event for Deposited {
/// #     const SCHEMAS: &'static [Schema] = &[Schema::from_static("account.deposited", 1)];
/// #     fn schema(&self) -> &'static Schema { &Self::SCHEMAS[0] }
/// #     fn encode(&self) -> es_core::Result<Payload> { Payload::json(&self.0) }
/// #     fn decode(schema: &Schema, payload: &Payload) -> es_core::Result<Self> {
/// #         Ok(Self(payload.to_json().map_err(|e| Error::undecodable(schema, e))?))
/// #     }
/// #     fn wire_shapes() -> Vec<(Schema, Shape)> {
/// #         vec![(Self::SCHEMAS[0].clone(), Shape::of::<u64>())]
/// #     }
/// # }
/// # let path = std::env::temp_dir().join(format!("doc-{}.lock.json", std::process::id()));
/// # SchemaLock::at(&path).event::<Deposited>().accept()?;
///
/// SchemaLock::at(path).event::<Deposited>().check()?;
/// # Ok::<(), es_testkit::SchemaLockError>(())
/// ```
///
/// Old versions are kept in the file for ever, with their payloads: they are in logs. To
/// take out one that never was, edit the file.
#[derive(Debug)]
#[must_use = "nothing is compared before `check`"]
pub struct SchemaLock {
    path: PathBuf,
    program: Program,
}

impl SchemaLock {
    /// The variable of the environment that lets [`SchemaLock::check`] write, when it is `1`, or
    /// pass with what is safe and not in the file yet, when it is `later`.
    pub const ACCEPT: &'static str = "ES_SCHEMA_ACCEPT";

    /// The lock file at `path`; a relative one begins at the root of the package, where
    /// cargo runs tests. There need be none yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), program: Program::default() }
    }

    /// Locks all forms of `E`. Where two types share a form, as a writer and a reader of a
    /// part of it may, the first gives the shape, and each must read the payloads.
    pub fn event<E: Event>(mut self) -> Self {
        self.program.add::<E>();
        self
    }

    /// Gives a golden payload: what `event` is written as. Without one, a payload is made
    /// up from the shape. Samples without clocks and random ids, please: each that is
    /// written differently is a new one.
    pub fn sample<E: Event>(mut self, event: &E) -> Self {
        self.program.sample(event);
        self
    }

    /// The upcasters that lead on from versions that are no longer current.
    pub fn upcasters(mut self, upcasters: &Upcasters) -> Self {
        self.program.upcasters = Some(upcasters.clone());
        self
    }

    /// Compares the program with the lock; with [`SchemaLock::ACCEPT`] set to `1` in the
    /// environment, as [`SchemaLock::accept`] does. With `later`, differences that are safe are
    /// printed, and only others fail: to try a change out. Do not leave it at that: what is not in
    /// the file is not watched, so the next change of it would look new whatever it is.
    ///
    /// # Errors
    /// [`SchemaLockError`], whose `Display` lists every finding: which event, which field,
    /// and what to do.
    pub fn check(self) -> Result<(), SchemaLockError> {
        match std::env::var_os(Self::ACCEPT) {
            Some(now) if now == "1" => self.accept(),
            Some(later) if later == "later" => self.compare(true),
            _ => self.compare(false),
        }
    }

    fn compare(self, may_wait: bool) -> Result<(), SchemaLockError> {
        let lock = Lock::read(&self.path)?;
        let findings = compare::findings(&lock, &self.program);
        let is_fine = findings.iter().all(|finding| may_wait && finding.is_safe());
        if !is_fine {
            return Err(SchemaLockError::Changed { path: self.path, findings });
        }
        for finding in findings {
            println!("safe, and not in {} yet: {finding}", self.path.display());
        }
        Ok(())
    }

    /// Compares the program with the lock, and writes what is new or was changed safely
    /// into it. Nothing is written while anything is not safe.
    ///
    /// # Errors
    /// Those of [`SchemaLock::check`] for what is not safe; those of writing the file.
    pub fn accept(self) -> Result<(), SchemaLockError> {
        let mut lock = Lock::read(&self.path)?;
        let mut findings = compare::findings(&lock, &self.program);
        if findings.is_empty() {
            return Ok(());
        }
        if findings.iter().any(|finding| !finding.is_safe()) {
            findings.retain(|finding| !finding.is_safe());
            return Err(SchemaLockError::Changed { path: self.path, findings });
        }
        compare::take_over(&mut lock, &self.program);
        lock.write(&self.path)?;
        for finding in findings {
            println!("accepted: {finding}");
        }
        Ok(())
    }
}
