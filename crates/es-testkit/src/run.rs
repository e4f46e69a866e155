//! One test: make what is tested, run the case on it, give back what was borrowed.

use std::{
    any::Any,
    ffi::OsString,
    fmt,
    future::Future,
    io::Write,
    panic::{AssertUnwindSafe, resume_unwind},
    time::Duration,
};

use futures_util::FutureExt;

/// How long a case may take before it counts as hanging, unless `ES_TEST_HANGS_AFTER` says
/// another number of seconds, as for a test in its long form. Nothing is measured with it; it
/// only turns a wake-up that was lost for good into a failure.
const HANGS_AFTER: Duration = Duration::from_secs(300);

const PATIENCE: &str = "ES_TEST_HANGS_AFTER";

/// What is tested, and something that must live as long as the test: a directory, or a
/// database that is dropped afterwards.
///
/// The guard is dropped after the case, and while the thread unwinds when the case has
/// failed: it can look at [`std::thread::panicking`] and leave the evidence. The name of
/// the thread is the path of the test, which makes a good name for a database.
pub struct Fixture<S> {
    subject: S,
    guard: Box<dyn Any + Send>,
}

impl<S> Fixture<S> {
    /// Puts the two together.
    pub fn new(subject: S, guard: impl Any + Send) -> Self {
        let guard = Box::new(guard);
        Self { subject, guard }
    }
}

impl<S: fmt::Debug> fmt::Debug for Fixture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fixture").field(&self.subject).finish()
    }
}

/// Why a test does not run.
struct Skipped(String);

/// Ends a test that cannot run here, for a factory whose server is missing.
///
/// The reason goes to the terminal past the capture of the test runner, because a skip that
/// nobody sees looks like a pass. Where the variable `CI` is set, the test fails: a gate
/// must not pass by running nothing.
///
/// # Panics
/// Always: that is how the test ends.
pub fn skip(reason: impl Into<String>) -> ! {
    let reason = reason.into();
    assert!(std::env::var_os("CI").is_none_or(|ci| ci.is_empty()), "cannot run: {reason}");
    resume_unwind(Box::new(Skipped(reason)))
}

/// Calls a factory that gives what is tested.
pub async fn from_subject<S, Made: Future<Output = S>>(
    factory: impl FnOnce() -> Made,
) -> Fixture<S> {
    Fixture::new(factory().await, ())
}

/// Calls a factory that gives a fixture.
pub async fn from_fixture<S, Made: Future<Output = Fixture<S>>>(
    factory: impl FnOnce() -> Made,
) -> Fixture<S> {
    factory().await
}

/// Runs one case on a runtime of its own: what the macros make a test of.
///
/// # Panics
/// When the case does, and when it takes five minutes, or as many seconds as
/// `ES_TEST_HANGS_AFTER` says: then it hangs. When that says no number of seconds.
pub fn run<S, Case: Future<Output = ()>>(
    fixture: impl Future<Output = Fixture<S>>,
    case: impl FnOnce(S) -> Case,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime for the test");
    runtime.block_on(async {
        let Fixture { subject, guard } = match AssertUnwindSafe(fixture).catch_unwind().await {
            Ok(fixture) => fixture,
            Err(panic) => return skipped(panic),
        };
        let hangs_after = hangs_after(std::env::var_os(PATIENCE));
        let outcome = tokio::time::timeout(hangs_after, case(subject)).await;
        assert!(outcome.is_ok(), "the case hangs: a wake-up was lost");
        drop(guard);
    });
}

/// A long test that does not know how long it may take would end as one that hangs.
fn hangs_after(said: Option<OsString>) -> Duration {
    let Some(said) = said.filter(|said| !said.is_empty()) else { return HANGS_AFTER };
    let seconds = said.to_str().and_then(|text| text.parse().ok());
    let seconds = seconds.unwrap_or_else(|| panic!("{PATIENCE} is {said:?}: say whole seconds"));
    Duration::from_secs(seconds)
}

/// Says why the test does not run; goes on with any other panic.
fn skipped(panic: Box<dyn Any + Send>) {
    match panic.downcast::<Skipped>() {
        Ok(skipped) => {
            let name = std::thread::current().name().unwrap_or("a test").to_owned();
            // What cannot be said there cannot be said anywhere.
            drop(writeln!(std::io::stderr(), "SKIPPED {name}: {}", skipped.0));
        }
        Err(panic) => resume_unwind(panic),
    }
}

#[cfg(test)]
mod tests;
