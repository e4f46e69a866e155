//! A long log: caught up with whole and in order, and on from there. `ES_TEST_EVENTS` says
//! how long it is.

use std::collections::HashMap;

use es_core::{Append, ExpectedVersion, Follow, Read, Store, StreamId, Version};

use crate::checks::{events, stream, to};

const WRITERS: u64 = 16;

/// Appends of different sizes to a few hundred streams, until there are `most` events.
async fn write(store: Store, number: u64, most: u64) -> u64 {
    let (mut rng, mut written) = (fastrand::Rng::with_seed(number), 0);
    while written < most {
        let key = |rng: &mut fastrand::Rng| stream(&format!("long-{}", rng.u32(..300)));
        let count = rng.usize(1..40).min(usize::try_from(most - written).unwrap());
        let mut append = Append::to(key(&mut rng), ExpectedVersion::Any).events(events(count));
        written += count as u64;
        if number % 4 == 0 && written < most {
            // Its own, so that it is none of the first stream's.
            let other = stream(&format!("other-{number}"));
            append = append.and(other, ExpectedVersion::Any).events(events(1));
            written += 1;
        }
        store.append(append).await.unwrap();
    }
    written
}

#[test]
fn a_follower_catches_up_with_a_long_log_and_goes_on() {
    let most: u64 =
        std::env::var("ES_TEST_EVENTS").ok().map_or(40_000, |number| number.parse().unwrap());
    crate::server::on_a_log(|log| async move {
        let store = log.store().await;
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| tokio::spawn(write(store.clone(), number, most / WRITERS)))
            .collect();
        let mut written = 0;
        for writer in writers {
            written += writer.await.unwrap();
        }
        let mut follow = log.store().await.follow(Read::all());
        let (mut met, mut versions) = (0, HashMap::<StreamId, u64>::new());
        let begun = std::time::Instant::now();
        loop {
            match follow.next().await.unwrap().unwrap() {
                Follow::Event(event) => {
                    met += 1;
                    assert_eq!(event.position.get(), met);
                    let version = versions.entry(event.stream.clone()).or_default();
                    *version += 1;
                    assert_eq!(event.version, Version::new(*version).unwrap());
                }
                Follow::CaughtUp(head) => {
                    assert_eq!(head.position.get(), met);
                    break;
                }
            }
        }
        assert_eq!(met, written, "all of it, before it says that it has caught up");
        println!("caught up with {met} events in {:?}", begun.elapsed());
        store.append(to("live", 3)).await.unwrap();
        while met < written + 3 {
            if let Follow::Event(event) = follow.next().await.unwrap().unwrap() {
                met += 1;
                assert_eq!(event.position.get(), met);
            }
        }
    });
}
