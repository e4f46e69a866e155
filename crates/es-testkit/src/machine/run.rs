//! Drawing histories, playing them, shrinking the one that went wrong.

use std::{
    any::Any,
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
};

use es_core::{Capabilities, Store};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use tokio::runtime::Runtime;

use super::{
    Failure, Histories, Tally,
    compare::Mismatch,
    draw,
    failure::Origin,
    operation::History,
    play::{Stopped, play},
};
use crate::Ids;

/// What a factory gives: a fresh, empty store, alone or with something that is dropped when
/// its history is over, such as a directory.
pub trait Subject {
    /// What is kept as long as the store is in use.
    type Guard;

    /// Takes the two apart.
    fn into_parts(self) -> (Store, Self::Guard);
}

impl Subject for Store {
    type Guard = ();

    fn into_parts(self) -> (Store, ()) {
        (self, ())
    }
}

impl<G> Subject for (Store, G) {
    type Guard = G;

    fn into_parts(self) -> (Store, G) {
        self
    }
}

/// Compares the stores that `factory` gives with the model: one store per history.
///
/// The factory is called on a runtime that all histories share, with one thread; a pool of
/// connections may be made outside and used by all of them, as long as each store is empty.
///
/// # Errors
/// The first history that goes wrong, shrunk. A store that panics goes wrong, and so does
/// one that does not answer in time.
///
/// # Panics
/// When no runtime can be made.
pub fn check<F, Made, S>(factory: F, histories: &Histories) -> Result<Tally, Box<Failure>>
where
    F: Fn() -> Made,
    Made: Future<Output = S>,
    S: Subject,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime for the histories");
    let runs = Runs { factory, runtime, patience: histories.patience };
    let (can, store) = runs.look();
    let strategy = draw::history(can, histories.max_operations);
    let state = RefCell::new(State::default());
    let outcome = runner(histories).run(&strategy, |history| {
        let mut state = state.borrow_mut();
        match runs.play(&history, false) {
            Ok(tally) => {
                if state.last.is_none() {
                    state.tally += tally;
                }
                Ok(())
            }
            Err(stopped) => {
                let operations = history.operations.len();
                state.drawn = state.drawn.or(Some(operations));
                // Told again with all that was done; a store that does right this time is
                // reported by what it did the first time.
                let told = runs.play(&history, true).err().unwrap_or(stopped);
                state.last = Some((told, operations));
                Err(TestCaseError::fail("it went wrong"))
            }
        }
    });
    let State { last, tally, drawn } = state.into_inner();
    match (outcome, last) {
        (Ok(()), _) => Ok(tally),
        (Err(TestError::Fail(..)), Some((stopped, operations))) => {
            let history = u32::try_from(tally.histories + 1).unwrap_or(u32::MAX);
            let (seed, drawn) = (histories.seed, drawn.unwrap_or(operations));
            let origin = Origin { store, seed, history, drawn, operations };
            Err(Box::new(Failure::new(origin, &stopped)))
        }
        (Err(error), _) => panic!("the histories cannot be drawn: {error}"),
    }
}

/// The same as one test: what `ES_TESTKIT_SEED` and `ES_TESTKIT_HISTORIES` say goes before
/// what `histories` says, and what came up is printed.
///
/// # Panics
/// With the report, when a history goes wrong.
pub fn test<F, Made, S>(factory: F, histories: Histories)
where
    F: Fn() -> Made,
    Made: Future<Output = S>,
    S: Subject,
{
    match check(factory, &histories.with_environment()) {
        Ok(tally) => println!("{tally}"),
        Err(failure) => panic!("{failure}"),
    }
}

#[derive(Default)]
struct State {
    /// Of the histories before the first that went wrong.
    tally: Tally,
    /// How long that one was.
    drawn: Option<usize>,
    /// The last one that went wrong, which is the shortest by then, and its length.
    last: Option<(Box<Stopped>, usize)>,
}

/// What every history needs.
struct Runs<F> {
    factory: F,
    runtime: Runtime,
    patience: std::time::Duration,
}

impl<F, Made, S> Runs<F>
where
    F: Fn() -> Made,
    Made: Future<Output = S>,
    S: Subject,
{
    /// What the store can do, and what it is called.
    fn look(&self) -> (Capabilities, String) {
        self.runtime.block_on(async {
            let (store, _guard) = (self.factory)().await.into_parts();
            (store.capabilities(), store.to_string())
        })
    }

    fn play(&self, history: &History, tells: bool) -> Result<Tally, Box<Stopped>> {
        let play = || {
            self.runtime.block_on(async {
                let (store, _guard) = (self.factory)().await.into_parts();
                play(&store, history, self.patience, tells).await
            })
        };
        catch_unwind(AssertUnwindSafe(play)).unwrap_or_else(|panic| {
            let mismatch = Mismatch::new("no panic", format!("a panic: {}", text_of(&*panic)));
            let (lines, ids) = (Vec::new(), Ids::seeded(0));
            Err(Box::new(Stopped { mismatch, lines, ids, log: None }))
        })
    }
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
}

fn runner(histories: &Histories) -> TestRunner {
    let config = Config {
        cases: histories.count,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        max_shrink_time: 60_000, // milliseconds; histories that hang take long
        verbose: 0,
        ..Config::default()
    };
    // Thirty-two bytes of the eight.
    let seed: Vec<u8> = histories.seed.to_le_bytes().repeat(4);
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}
