//! L9, below: `wait` may wake early, but it never sleeps through an append.
//!
//! *Hazard.* A store that looks at its head and then begins to listen sleeps through an
//! append between the two. *Mechanism of the cases.* Each round lets an append fall at
//! another moment of the call; a wake-up that is lost is a wait that never returns.

use es_core::{Head, Position, Store};

use crate::{
    sample::{many, put, stream},
    tasks::{together, turns},
};

const ROUNDS: usize = 60;

/// When the log has grown already, it returns at once, with the head.
pub async fn it_returns_when_the_log_has_grown_already(store: Store) {
    let receipt = put(&store, "a", many(2)).await;
    for after in [Position::START, receipt.first] {
        let head = until_grown(&store, after).await;
        assert_eq!(head, store.head().await.unwrap());
    }
}

/// It returns when the log grows at the same time, at whatever moment of the call.
pub async fn no_wake_up_is_lost(store: Store) {
    for round in 0..ROUNDS {
        let before = store.head().await.unwrap().position;
        let waiting = {
            let store = store.clone();
            async move {
                turns(round % 4).await;
                until_grown(&store, before).await.position
            }
        };
        let writing = {
            let store = store.clone();
            async move {
                turns(round / 4 % 4).await;
                put(&store, "a", many(1)).await.last
            }
        };
        let (waiting, writing) = (tokio::spawn(waiting), tokio::spawn(writing));
        let (seen, written) = (waiting.await.unwrap(), writing.await.unwrap());
        assert_eq!(seen, written, "round {round}");
    }
}

/// Every one of several that wait is woken.
pub async fn all_that_wait_are_woken(store: Store) {
    for round in 0..10 {
        let before = store.head().await.unwrap().position;
        let waiting: Vec<_> = (0..8)
            .map(|waiter| {
                let store = store.clone();
                tokio::spawn(async move {
                    turns(waiter % 3).await;
                    until_grown(&store, before).await.position
                })
            })
            .collect();
        turns(round % 4).await;
        let written = put(&store, "a", many(2)).await.last;
        for waiter in waiting {
            assert_eq!(waiter.await.unwrap(), written);
        }
    }
}

/// Those that wait behind each other's appends, in turn, never stop each other.
pub async fn two_that_answer_each_other_never_stop(store: Store) {
    let players = (0..2).map(|player| {
        let store = store.clone();
        async move {
            for _ in 0..ROUNDS {
                let mut length = store.head().await.unwrap();
                while count(&store).await % 2 != player {
                    length = store.wait(length.position).await.unwrap();
                }
                put(&store, "a", many(1)).await;
            }
        }
    });
    together(players).await;
    assert_eq!(count(&store).await, 2 * ROUNDS);
}

/// A wait that is dropped disturbs nobody.
pub async fn a_dropped_wait_disturbs_nobody(store: Store) {
    for _ in 0..32 {
        let mut waiting = Box::pin(store.wait(Position::START));
        let once = std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx)));
        drop(once.await);
    }
    let before = store.head().await.unwrap().position;
    let waiting = {
        let store = store.clone();
        tokio::spawn(async move { until_grown(&store, before).await })
    };
    turns(2).await;
    let written = put(&store, "a", many(1)).await;
    assert_eq!(waiting.await.unwrap().position, written.last);
}

/// How many events stream `a`, the only one, has.
async fn count(store: &Store) -> usize {
    let last = store.version(&stream("a")).await.unwrap();
    last.map_or(0, |version| usize::try_from(version.get()).unwrap())
}

/// Waits as callers do: again, as long as it wakes early.
async fn until_grown(store: &Store, after: Position) -> Head {
    loop {
        let head = store.wait(after).await.expect("waiting succeeds");
        if head.position > after {
            return head;
        }
        // A store that wakes early must not starve the writer.
        turns(1).await;
    }
}
