//! Drawing histories, playing them, and shrinking the one that went wrong.

use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use es_core::{Capabilities, Store};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use tokio::runtime::Runtime;

use super::{
    Failure, Histories, Tally, compare::Mismatch, draw, failure::Origin, operation::History,
    play::play, transcript::Transcript,
};

/// How long is spent on making a history shorter, which takes much less unless it hangs.
const SHRINKS_FOR: Duration = Duration::from_secs(60);

/// A history that hangs does so again and again while it is made shorter.
const PATIENCE_WHEN_SHRINKING: Duration = Duration::from_secs(1);

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
/// When no runtime can be made; inside of a runtime of tokio, since it blocks on its own: call it
/// from a plain `#[test]`, or by `spawn_blocking`. When there is no history to try.
pub fn check<F, Made, S>(factory: F, histories: &Histories) -> Result<Tally, Box<Failure>>
where
    F: Fn() -> Made,
    Made: Future<Output = S>,
    S: Subject,
{
    assert!(
        histories.count > 0,
        "there is no history to try, which would prove nothing: ask for some"
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime for the histories");
    let stage = Stage { factory, runtime, patience: Cell::new(histories.patience) };
    let (can, store) = stage.look();
    let tally = RefCell::new(Tally::default());
    // How long the first history was that went wrong; those behind it are shrunk from it.
    let drawn = Cell::new(None);
    let last = RefCell::new(None);
    let strategy = draw::history(can, histories.max_operations);
    let outcome = runner(histories).run(&strategy, |history| {
        match stage.play(&history, &Transcript::new(false)) {
            Ok(more) if drawn.get().is_none() => *tally.borrow_mut() += more,
            Ok(_) => {}
            Err(mismatch) => {
                *last.borrow_mut() = Some(mismatch);
                stage.patience.set(histories.patience.min(PATIENCE_WHEN_SHRINKING));
                drawn.set(drawn.get().or(Some(history.operations.len())));
                return Err(TestCaseError::fail("it went wrong"));
            }
        }
        Ok(())
    });
    let tally = tally.into_inner();
    let shrunk = match outcome {
        Ok(()) => return Ok(tally),
        Err(TestError::Fail(_, history)) => stage.without_idle(history),
        Err(TestError::Abort(reason)) => panic!("no histories can be drawn: {reason}"),
    };
    let operations = shrunk.operations.len();
    let origin = Origin {
        store,
        seed: histories.seed,
        history: u32::try_from(tally.histories + 1).unwrap_or(u32::MAX),
        drawn: drawn.get().unwrap_or(operations),
        operations,
    };
    stage.patience.set(histories.patience);
    let told = Transcript::new(true);
    let mismatch = stage.play(&shrunk, &told).err().unwrap_or_else(|| {
        let Mismatch { expected, came } = last.into_inner().unwrap_or_default();
        Mismatch::new(expected, format!("{came} (once; when it was played again, it went right)"))
    });
    Err(Box::new(Failure::new(origin, &mismatch, &told)))
}

/// The same as one test: what `ES_TESTKIT_SEED` and `ES_TESTKIT_HISTORIES` say goes before
/// what `histories` says, and what came up is printed.
///
/// # Panics
/// With the report, when a history goes wrong; and where [`check`] does.
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

/// What every history is played on.
struct Stage<F> {
    factory: F,
    runtime: Runtime,
    patience: Cell<Duration>,
}

impl<F, Made, S> Stage<F>
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

    fn play(&self, history: &History, told: &Transcript) -> Result<Tally, Mismatch> {
        let play = || {
            self.runtime.block_on(async {
                let (store, _guard) = (self.factory)().await.into_parts();
                play(&store, history, self.patience.get(), told).await
            })
        };
        catch_unwind(AssertUnwindSafe(play)).unwrap_or_else(|panic| {
            Err(Mismatch::new("no panic", format!("a panic: {}", es_core::panic_text(&*panic))))
        })
    }

    /// The history without operations that it goes wrong without, taken away one by one and
    /// two by two.
    ///
    /// proptest tries the former once, before it makes operations plainer; when they are
    /// plain, more of them turn out to be idle.
    fn without_idle(&self, mut history: History) -> History {
        let begun = Instant::now();
        while begun.elapsed() < SHRINKS_FOR {
            let count = history.operations.len();
            let pairs = (0..count).flat_map(|first| (first..count).map(move |next| (first, next)));
            // The same one twice is that one alone.
            let mut ways: Vec<(usize, usize)> = pairs.collect();
            ways.sort_by_key(|(first, next)| first != next);
            let shorter = ways.into_iter().map(|way| without(&history, way)).find(|shorter| {
                begun.elapsed() < SHRINKS_FOR
                    && self.play(shorter, &Transcript::new(false)).is_err()
            });
            match shorter {
                Some(shorter) => history = shorter,
                None => break,
            }
        }
        history
    }
}

fn without(history: &History, (first, next): (usize, usize)) -> History {
    let operations = history.operations.iter().enumerate();
    let kept = operations.filter(|(at, _)| *at != first && *at != next);
    let operations = kept.map(|(_, operation)| operation.clone()).collect();
    History { names: history.names.clone(), operations }
}

fn runner(histories: &Histories) -> TestRunner {
    let config = Config {
        cases: histories.count,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        max_shrink_time: u32::try_from(SHRINKS_FOR.as_millis()).unwrap_or(u32::MAX),
        verbose: 0,
        ..Config::default()
    };
    // The generator wants 32 bytes, which are these eight over again.
    let seed = histories.seed.to_le_bytes().repeat(4);
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}
