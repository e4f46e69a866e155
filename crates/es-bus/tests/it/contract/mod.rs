//! The contract of a bus, on both transports, and on broken buses that it must catch.

mod broken;
mod local;
#[cfg(feature = "redis")]
mod redis;

use std::{sync::Arc, time::Duration};

use es_bus::{Retry, Subscription};
use es_core::Category;
use es_testkit::bus::{ConsumerPlan, Knows, Noted, NotedOrMarked};

fn retry(plan: &ConsumerPlan) -> Retry {
    let pause = Duration::from_millis(1);
    Retry::default().with_attempts(plan.attempts).with_backoff(pause, pause)
}

fn subscription(plan: &ConsumerPlan) -> Subscription {
    let account = Category::from_static("account");
    let handle = Arc::clone(&plan.handle);
    match plan.knows {
        Knows::Noted => Subscription::to_all_of::<Noted>(&plan.name, account)
            .with_retry(retry(plan))
            .run(move |event| handle(event.untyped())),
        Knows::NotedOrMarked => Subscription::to_all_of::<NotedOrMarked>(&plan.name, account)
            .with_retry(retry(plan))
            .run(move |event| handle(event.untyped())),
    }
}
