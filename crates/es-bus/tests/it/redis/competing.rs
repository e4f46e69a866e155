//! The competing mode: nothing is lost, whoever dies.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use es_bus::{GroupMode, Subscription};
use es_core::{NewEvent, Payload, Position, Recorded, Schema};
use tokio::sync::Semaphore;

use super::{LEASE, World, quick, until};
use crate::sample::{OrderEvent, Seen};

fn sorted(seen: &Seen) -> Vec<u64> {
    let mut all = seen.all();
    all.sort_unstable();
    all
}

#[tokio::test]
async fn consumers_share_the_work() {
    let world = World::new().await;
    let relay = world.start();
    let seen = Seen::default();
    let mut consumers = Vec::new();
    for _ in 0..3 {
        let noting = seen.clone();
        let all = Subscription::to_everything("all").call(move |e| noting.note(e));
        let topic = world.another().await;
        let consumer = topic.competing(all).with_lease(LEASE * 100).with_workers(2);
        consumers.push(consumer.start().await.unwrap());
    }
    let orders: Vec<String> = (0..90).map(|n| format!("o{n}")).collect();
    let orders: Vec<&str> = orders.iter().map(String::as_str).collect();
    let last = world.append(&orders).await;
    relay.published(last).await.unwrap();
    relay.when(|status| status.consumed == last).await.unwrap();
    assert_eq!(sorted(&seen), (1..=90).collect::<Vec<_>>());
    let status = world.topic.group("all").await.unwrap();
    assert_eq!((status.mode, status.pending, status.lag), (GroupMode::Competing, 0, 0));
    for consumer in consumers {
        assert!(consumer.stop(Duration::from_secs(10)).await);
    }
}

#[tokio::test]
async fn what_a_dead_consumer_held_is_taken_over_by_itself() {
    let world = World::new().await;
    let relay = world.start();
    let (entered, mut entering) = tokio::sync::mpsc::channel(99);
    let stuck = Subscription::to_everything("all").run(move |event: Recorded| {
        let entered = entered.clone();
        async move {
            entered.send(event.position.get()).await?;
            std::future::pending().await
        }
    });
    let dying =
        world.topic.competing(stuck).with_lease(LEASE).with_workers(5).start().await.unwrap();
    let last = world.append(&["a", "b", "c", "d", "e", "f"]).await;
    relay.published(last).await.unwrap();
    for _ in 0..5 {
        entering.recv().await.unwrap();
    }
    assert_eq!(world.topic.group("all").await.unwrap().pending, 5);
    drop(dying);
    let seen = Seen::default();
    let noting = seen.clone();
    let all = Subscription::to_everything("all").call(move |e| noting.note(e));
    // One worker, so that the cursor has to be carried on.
    let heir = world.topic.competing(all).with_lease(LEASE).with_workers(1).start().await.unwrap();
    heir.when(|status| status.handled == 6).await.unwrap();
    assert_eq!(heir.status().recovered, 5);
    assert_eq!(sorted(&seen), (1..=6).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_long_handler_is_not_taken_over_while_it_lives() {
    let world = World::new().await;
    let relay = world.start();
    let (entered, mut entering) = tokio::sync::mpsc::channel(9);
    let gate = Arc::new(Semaphore::new(0));
    // Long enough that a busy machine does not make the living look dead.
    let lease = LEASE * 4;
    // Takes one event, and is not done with it before the gate opens.
    let holding = || {
        let (entered, gate) = (entered.clone(), Arc::clone(&gate));
        let holding = Subscription::to_everything("all").run(move |event: Recorded| {
            let (entered, gate) = (entered.clone(), Arc::clone(&gate));
            async move {
                entered.send(event.position.get()).await?;
                gate.acquire().await?.forget();
                Ok(())
            }
        });
        world.topic.competing(holding).with_lease(lease).with_workers(1).start()
    };
    let slow = holding().await.unwrap();
    world.append(&["a"]).await;
    assert_eq!(entering.recv().await, Some(1));
    // Whatever was taken after it and is taken over by now, it would have been before: its lease
    // began earlier, and who takes over begins with the oldest.
    let mut last = Position::START;
    for position in [2, 3] {
        let dying = holding().await.unwrap();
        last = world.append(&["b"]).await;
        assert_eq!(entering.recv().await, Some(position));
        drop(dying);
        let seen = Seen::default();
        let noting = seen.clone();
        let all = Subscription::to_everything("all").call(move |event| noting.note(event));
        let heir = world.topic.competing(all).with_lease(lease).start().await.unwrap();
        heir.when(|status| status.handled == 1).await.unwrap();
        assert_eq!((seen.all(), heir.status().recovered), (vec![position], 1));
        assert!(heir.stop(Duration::from_secs(10)).await);
    }
    assert_eq!(slow.status().handled, 0);
    gate.add_permits(1);
    slow.when(|status| status.handled == 1).await.unwrap();
    relay.when(|status| status.consumed == last).await.unwrap();
    assert!(entering.try_recv().is_err(), "it was begun once");
}

#[tokio::test]
async fn failures_are_tried_again_then_kept_and_can_be_replayed() {
    let world = World::new().await;
    let relay = world.start();
    let (seen, heals) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let (noting, healed) = (seen.clone(), Arc::clone(&heals));
    let calls = Arc::new(AtomicU32::new(0));
    let counting = Arc::clone(&calls);
    let all = Subscription::to::<OrderEvent>("all").with_retry(quick(4)).call(move |event| {
        if event.position.get() == 2 && counting.fetch_add(1, Ordering::SeqCst) < 2 {
            panic!("at first");
        }
        if event.position.get() == 1 && !healed.load(Ordering::SeqCst) {
            return Err("poison".into());
        }
        noting.note(event)
    });
    let consumer = world.topic.competing(all).with_lease(LEASE).start().await.unwrap();
    world.append(&["a", "b", "a"]).await;
    let unknown = NewEvent::raw(Schema::from_static("order.new", 1), Payload::json(&1).unwrap());
    let last = world.append_raw("a", unknown).await;
    relay.published(last).await.unwrap();
    consumer.when(|status| status.handled == 2 && status.dead_letters == 2).await.unwrap();
    assert_eq!(sorted(&seen), [2, 3]);
    assert_eq!(consumer.status().retries, 3 + 2);
    let mut letters = world.topic.dead_letters("all", 10).await.unwrap();
    letters.sort_by_key(|kept| kept.letter.position);
    let found: Vec<_> =
        letters.iter().map(|kept| (kept.letter.position.get(), kept.letter.attempts)).collect();
    assert_eq!(found, [(1, 4), (4, 0)]);
    assert_eq!(letters[0].letter.cause.as_deref(), Some("poison"));
    assert!(letters[0].letter.first_failed_at < letters[0].letter.last_failed_at);
    relay.when(|status| status.consumed == last).await.unwrap();

    heals.store(true, Ordering::SeqCst);
    assert_eq!(world.topic.replay("all").await.unwrap(), 2);
    consumer.when(|status| status.handled == 3).await.unwrap();
    until("the unknown one is back", async || {
        world.topic.group("all").await.unwrap().dead_letters == 1
    })
    .await;
    assert_eq!(sorted(&seen), [1, 2, 3]);
    let unknown = world.topic.dead_letters("all", 1).await.unwrap().remove(0);
    assert_eq!(world.topic.discard("all", unknown.event.id).await.unwrap(), 1);
}

#[tokio::test]
async fn what_waits_for_another_attempt_survives_its_consumer_and_holds_up_the_mark() {
    let world = World::new().await;
    let relay = world.start();
    let pause = Duration::from_secs(1);
    let retry = quick(9).with_backoff(pause, pause);
    let failing = Subscription::to_everything("all").with_retry(retry.clone());
    let failing = failing.call(|event| match event.position.get() {
        2 => Err("not yet".into()),
        _ => Ok(()),
    });
    let failing = world.topic.competing(failing).with_lease(LEASE).start().await.unwrap();
    let last = world.append(&["a", "b", "c"]).await;
    relay.published(last).await.unwrap();
    failing.when(|status| status.handled == 2).await.unwrap();
    until("it waits", async || world.topic.group("all").await.unwrap().waiting == 1).await;
    relay.when(|status| status.consumed.get() == 1).await.unwrap();
    drop(failing);
    let seen = Seen::default();
    let noting = seen.clone();
    let all = Subscription::to_everything("all").call(move |e| noting.note(e));
    let heir = world.topic.competing(all).with_lease(LEASE).start().await.unwrap();
    heir.when(|status| status.handled == 1).await.unwrap();
    assert_eq!(seen.all(), [2]);
    relay.when(|status| status.consumed == last).await.unwrap();
}

#[tokio::test]
async fn what_kills_its_consumers_becomes_a_dead_letter() {
    let world = World::new().await;
    let relay = world.start();
    let last = world.append(&["a"]).await;
    relay.published(last).await.unwrap();
    let lease = Duration::from_millis(100);
    until("it is a dead letter", async || {
        let (entered, mut entering) = tokio::sync::mpsc::channel::<()>(1);
        let killer = Subscription::to_everything("all").with_retry(quick(1));
        let killer = killer.run(move |_: Recorded| {
            let entered = entered.clone();
            async move {
                entered.send(()).await?;
                std::future::pending().await
            }
        });
        let consumer = world.topic.competing(killer).with_lease(lease).start().await.unwrap();
        tokio::select! {
            _ = entering.recv() => false,
            status = consumer.when(|status| status.dead_letters == 1) => status.is_ok(),
        }
    })
    .await;
    let kept = world.topic.dead_letters("all", 1).await.unwrap().remove(0);
    assert!(kept.letter.cause.unwrap().contains("ended before it was done"));
    assert_eq!(kept.letter.attempts, 5);
}

#[tokio::test]
async fn stopping_finishes_what_is_in_hand() {
    let world = World::new().await;
    let relay = world.start();
    let seen = Seen::default();
    let (noting, gate) = (seen.clone(), Arc::new(tokio::sync::Semaphore::new(0)));
    let held = Arc::clone(&gate);
    let all = Subscription::to_everything("all").run(move |event: Recorded| {
        let (seen, gate) = (noting.clone(), Arc::clone(&held));
        async move {
            gate.acquire().await?.forget();
            seen.note(&event)
        }
    });
    let consumer =
        world.topic.competing(all).with_lease(LEASE).with_workers(2).start().await.unwrap();
    let last = world.append(&["a", "b", "c"]).await;
    relay.published(last).await.unwrap();
    until("both are taken", async || {
        world.topic.group("all").await.is_ok_and(|status| status.pending == 2)
    })
    .await;
    let stopping = tokio::spawn(consumer.stop(Duration::from_secs(30)));
    tokio::task::yield_now().await;
    gate.add_permits(3);
    assert!(stopping.await.unwrap());
    assert_eq!(seen.all().len(), 2);
    assert_eq!(world.topic.group("all").await.unwrap().pending, 0);
}
