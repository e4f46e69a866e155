//! A checkpoint store that is away: nothing is lost, repeated or parked, and it is told.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use es_core::ErrorKind;
use es_projection::{Health, Runner};

use crate::{
    ledger::{Ledger, assert_complete, parked, store, until, write, write_many},
    spoilt::{Fault, Spoilt},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_waited_out_and_told() {
    for kind in [ErrorKind::Unavailable, ErrorKind::Busy] {
        let (store, model, ledger) = (store(), Spoilt::new(), Ledger::new());
        write_many(&store, 50, 3).await;
        let running = Runner::new(store.clone()).project(ledger, model.clone()).start().unwrap();
        until(&running, "notes", |status| status.position.get() == 50).await;
        let is_away = Arc::new(AtomicBool::new(true));
        let away = Arc::clone(&is_away);
        model.plan(move |_, _| away.load(Ordering::SeqCst).then_some(Fault::Before(kind)));
        write(&store, 1).await;
        let status = until(&running, "notes", |status| status.last_error.is_some()).await;
        assert!(matches!(status.health, Health::Degraded(_)), "{}", status.health);
        assert_eq!(status.lag.unwrap().events, 1, "it is behind, and says so");
        is_away.store(false, Ordering::SeqCst);
        let status = until(&running, "notes", |status| status.position.get() == 51).await;
        assert_eq!(status.health, Health::Healthy);
        assert_complete(&store, &model.inner).await;
        assert_eq!(parked(&model.inner).await, [0; 0]);
    }
}
