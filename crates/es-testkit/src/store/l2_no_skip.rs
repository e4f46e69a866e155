//! L2, under load: a reader that has seen position p never meets a new event at a position
//! at or below p. The log cannot skip.
//!
//! *Hazard.* A store that draws positions before it commits shows p+1 before p; a reader
//! that resumes behind p+1 never sees p. It takes concurrent writers and a reader that
//! looks at the wrong moment, so these cases look often and at random.

use es_core::{EventId, ExpectedVersion, Position, Read, Store};
use fastrand::Rng;

use crate::{
    sample::{all, ids, many, newest_first, put, read, stream, to},
    tasks::{Flag, beside, turns},
};

/// One that reads on after each append sees each append.
pub async fn a_reader_between_appends_misses_nothing(store: Store) {
    let (mut seen, mut after) = (Vec::new(), Position::START);
    for n in 0..40 {
        put(&store, &format!("s{}", n % 3), many(1 + n % 2)).await;
        let page = read(&store, Read::all().after(after)).await;
        assert!(!page.is_empty(), "an acknowledged append is not visible");
        after = page.last().map_or(after, |event| event.position);
        seen.extend(ids(&page));
    }
    assert_eq!(seen, ids(&all(&store).await));
}

/// Eight writers at random; four readers that resume from their last position at random.
/// In the end each reader has met the whole log, in its order, each event once.
pub async fn no_reader_skips_under_random_load(store: Store) {
    let written = Flag::default();
    let writers = (0..8).map(|seed| write(store.clone(), Rng::with_seed(seed)));
    let readers = (0..4).map(|seed| {
        let rng = Rng::with_seed(100 + seed);
        resume_from_the_last_event(store.clone(), written.clone(), rng)
    });
    let sequences = beside(&written, writers, readers).await;
    let log = ids(&all(&store).await);
    for seen in sequences {
        expect_sequence(&seen, &log);
    }
}

/// The same for readers that resume from the head: whatever lies up to a head that was
/// seen can be read, and nothing ever appears there later.
pub async fn nothing_appears_below_a_head_that_was_seen(store: Store) {
    let written = Flag::default();
    let writers = (0..8).map(|seed| write(store.clone(), Rng::with_seed(200 + seed)));
    let readers = (0..4).map(|_| resume_from_the_head(store.clone(), written.clone()));
    let sequences = beside(&written, writers, readers).await;
    let log = ids(&all(&store).await);
    for seen in sequences {
        expect_sequence(&seen, &log);
    }
}

/// A reader that is parked in the midst of a read, while others write, goes on with what
/// comes next and, resuming after its end, misses nothing either.
pub async fn a_parked_reader_resumes_without_a_gap(store: Store) {
    put(&store, "a", many(300)).await;
    let mut parked = store.read(Read::all());
    let mut seen = Vec::new();
    for _ in 0..10 {
        seen.push(parked.next().await.unwrap().unwrap());
    }
    for n in 0..20 {
        put(&store, &format!("s{n}"), many(5)).await;
    }
    while let Some(event) = parked.next().await {
        seen.push(event.unwrap());
    }
    let last = seen.last().unwrap().position;
    seen.extend(read(&store, Read::all().after(last)).await);
    assert_eq!(ids(&seen), ids(&all(&store).await));
}

/// The same backward: what is written while the reader is parked does not disturb it.
pub async fn a_parked_backward_reader_is_not_disturbed(store: Store) {
    put(&store, "a", many(300)).await;
    let before = all(&store).await;
    let mut parked = store.read(Read::all().backward());
    let mut seen = vec![parked.next().await.unwrap().unwrap()];
    for n in 0..20 {
        put(&store, &format!("s{n}"), many(5)).await;
    }
    while let Some(event) = parked.next().await {
        seen.push(event.unwrap());
    }
    assert_eq!(ids(&seen), ids(&newest_first(&before)));
}

/// Appends of random size to random streams, with turns for the others in between.
async fn write(store: Store, mut rng: Rng) {
    let several = store.capabilities().multi_stream;
    for _ in 0..25 {
        let (one, other) = (rng.usize(..6), rng.usize(..6));
        let mut append = to(&format!("s{one}"), ExpectedVersion::Any).events(many(rng.usize(1..4)));
        if several && one != other && rng.bool() {
            append = append
                .and(stream(&format!("s{other}")), ExpectedVersion::Any)
                .events(many(rng.usize(1..4)));
        }
        store.append(append).await.unwrap();
        turns(rng.usize(..3)).await;
    }
}

async fn resume_from_the_last_event(store: Store, written: Flag, mut rng: Rng) -> Vec<EventId> {
    let (mut seen, mut after) = (Vec::new(), Position::START);
    loop {
        let last_look = written.is_set();
        let resumed = Read::all().after(after);
        let resumed = match rng.u64(..3) {
            0 => resumed,
            _ if last_look => resumed,
            limit => resumed.limit(limit),
        };
        for event in read(&store, resumed).await {
            assert!(event.position > after, "an event at or below the bound");
            after = event.position;
            seen.push(event.id);
        }
        if last_look {
            return seen;
        }
        turns(rng.usize(1..3)).await;
    }
}

async fn resume_from_the_head(store: Store, written: Flag) -> Vec<EventId> {
    let (mut seen, mut after) = (Vec::new(), Position::START);
    loop {
        let last_look = written.is_set();
        let head = store.head().await.unwrap().position;
        assert!(head >= after, "the head went back from {after} to {head}");
        seen.extend(ids(&read(&store, Read::all().after(after).until(head)).await));
        after = head;
        if last_look {
            return seen;
        }
        turns(1).await;
    }
}

/// Checks that a reader met the whole log, and says where it went wrong.
fn expect_sequence(seen: &[EventId], log: &[EventId]) {
    let differs = seen.iter().zip(log).position(|(seen, logged)| seen != logged);
    assert_eq!(
        differs, None,
        "a reader met another event than the log has at this place: it skipped one"
    );
    assert_eq!(seen.len(), log.len(), "a reader met too few or too many events");
}
