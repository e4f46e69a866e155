//! Without tokio's timer, or without tokio: a conflict is decided again all the same.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use es_core::{Append, ExpectedVersion, StreamId};

use crate::{
    account::{AccountEvent, Deposit, accounts, load},
    doubles::{Verdict, Watched, memory},
};

/// A command that is overtaken twice.
async fn overtaken() {
    let (watched, store) = Watched::over(&memory());
    watched.interfere(|number, _, _| {
        let alice = StreamId::new("account", "alice").unwrap();
        let other = AccountEvent::Deposited { cents: 10 };
        let other = Append::to(alice, ExpectedVersion::Any).event(other).build().unwrap();
        (number <= 2).then_some(Verdict::Overtake(other))
    });
    accounts(&store).execute("alice", &Deposit(1)).await.unwrap();
    assert_eq!(load(&store, "alice").await.cents, 21);
}

#[test]
fn on_a_runtime_without_a_timer() {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(overtaken());
}

#[test]
fn without_a_runtime() {
    let mut command = pin!(overtaken());
    let mut context = Context::from_waker(Waker::noop());
    let is_done = (0..1_000).any(|_| command.as_mut().poll(&mut context) == Poll::Ready(()));
    assert!(is_done, "it waits for somebody who never comes");
}
