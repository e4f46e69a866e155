//! L8: reads go forward or backward, from and to a version, a position or a time, with a
//! limit. Bounds say what is read, the direction only in which order.

use es_core::{Position, Read, Recorded, Store};

use crate::{
    declined::{Need, declines},
    sample::{all, category, many, newest_first, put, read, stream, version, versions},
};

/// Forward is the order of the log.
pub async fn forward_is_the_order_of_the_log(store: Store) {
    let log = write(&store).await;
    let positions: Vec<_> = log.iter().map(|event| event.position).collect();
    assert!(positions.is_sorted());
    assert_eq!(read(&store, Read::all()).await, log);
}

/// Backward is the order of the log turned round: over all, by category, by stream.
pub async fn backward_is_the_same_turned_round(store: Store) {
    write(&store).await;
    for forward in [Read::all(), Read::category(category("account")), Read::stream(stream("a"))] {
        let wanted = newest_first(&read(&store, forward.clone()).await);
        assert_eq!(read(&store, forward.backward()).await, wanted);
    }
}

/// From a version on, that version included.
pub async fn from_a_version(store: Store) {
    write(&store).await;
    let a = Read::stream(stream("a"));
    for from in [1, 4, 6, 7, i64::MAX.unsigned_abs()] {
        let wanted: Vec<_> = (from..=6).collect();
        let tail = a.clone().from_version(version(from));
        assert_eq!(versions(&read(&store, tail.clone()).await), wanted);
        let turned = read(&store, tail.backward()).await;
        assert_eq!(versions(&turned), newest_first(&wanted));
    }
}

/// Up to a version, that version included.
pub async fn to_a_version(store: Store) {
    write(&store).await;
    let a = Read::stream(stream("a"));
    for to in [1, 3, 6, 99] {
        let wanted: Vec<_> = (1..=to.min(6)).collect();
        let start = a.clone().to_version(version(to));
        assert_eq!(versions(&read(&store, start.clone()).await), wanted);
        let turned = read(&store, start.backward()).await;
        assert_eq!(versions(&turned), newest_first(&wanted));
    }
}

/// Between two versions, and between two that lie the wrong way round.
pub async fn between_two_versions(store: Store) {
    write(&store).await;
    let a = Read::stream(stream("a"));
    let middle = a.clone().from_version(version(2)).to_version(version(4));
    assert_eq!(versions(&read(&store, middle).await), [2, 3, 4]);
    let nothing = a.from_version(version(4)).to_version(version(2));
    assert_eq!(versions(&read(&store, nothing).await), [0; 0]);
}

/// Behind a position, that position not included; in both directions.
pub async fn after_a_position(store: Store) {
    let log = write(&store).await;
    expect(&store, Read::all().after(Position::START), &log).await;
    for at in 0..log.len() {
        let bounded = Read::all().after(log[at].position);
        expect(&store, bounded, &log[at + 1..]).await;
    }
    for far in [i64::MAX.unsigned_abs(), u64::MAX] {
        expect(&store, Read::all().after(Position::new(far)), &[]).await;
    }
}

/// Up to a position, that position included; in both directions.
pub async fn until_a_position(store: Store) {
    let log = write(&store).await;
    expect(&store, Read::all().until(Position::START), &[]).await;
    for at in 0..log.len() {
        let bounded = Read::all().until(log[at].position);
        expect(&store, bounded, &log[..=at]).await;
    }
    for far in [i64::MAX.unsigned_abs(), u64::MAX] {
        expect(&store, Read::all().until(Position::new(far)), &log).await;
    }
}

/// Between two positions: in a stream and a category too.
pub async fn between_two_positions(store: Store) {
    let log = write(&store).await;
    let (from, to) = (log[1].position, log[5].position);
    expect(&store, Read::all().after(from).until(to), &log[2..=5]).await;
    expect(&store, Read::all().after(to).until(from), &[]).await;
    let wanted: Vec<_> = log[2..=5].to_vec();
    let accounts = Read::category(category("account"));
    expect(&store, accounts.after(from).until(to), &wanted).await;
    let of_a: Vec<_> = wanted.into_iter().filter(|e| e.stream == stream("a")).collect();
    expect(&store, Read::stream(stream("a")).after(from).until(to), &of_a).await;
}

/// By the time of recording, both ends included; with the times that were recorded.
pub async fn by_the_time_of_recording(store: Store) {
    if declines(&store, Need::TimeBounds) {
        return;
    }
    write(&store).await;
    // Until the clock has moved on, so that the bounds divide the log.
    let first = all(&store).await[0].recorded_at;
    for _ in 0..10_000 {
        if put(&store, "a", many(1)).await.recorded_at > first {
            break;
        }
    }
    let log = all(&store).await;
    for moment in [log[0].recorded_at, log[log.len() - 1].recorded_at] {
        let since = log.iter().filter(|event| event.recorded_at >= moment);
        expect(&store, Read::all().recorded_since(moment), &vec(since)).await;
        let until = log.iter().filter(|event| event.recorded_at <= moment);
        expect(&store, Read::all().recorded_until(moment), &vec(until)).await;
        let at = log.iter().filter(|event| event.recorded_at == moment);
        let exactly = Read::all().recorded_since(moment).recorded_until(moment);
        expect(&store, exactly, &vec(at)).await;
    }
    let tick = std::time::Duration::from_micros(1);
    let later = log[log.len() - 1].recorded_at.plus(tick);
    expect(&store, Read::all().recorded_since(later), &[]).await;
    let of_a = log.iter().filter(|event| event.stream == stream("a"));
    let in_stream = Read::stream(stream("a")).recorded_since(first);
    expect(&store, in_stream, &vec(of_a)).await;
}

/// A limit of nothing yields nothing.
pub async fn a_limit_of_nothing_yields_nothing(store: Store) {
    write(&store).await;
    assert_eq!(read(&store, Read::all().limit(0)).await, []);
    assert_eq!(read(&store, Read::stream(stream("a")).backward().limit(0)).await, []);
}

/// A limit yields the first so many of the read's own order: the oldest, or the newest.
pub async fn a_limit_takes_the_first_of_the_order(store: Store) {
    let log = write(&store).await;
    for limit in 1..log.len() {
        let oldest = Read::all().limit(limit as u64);
        assert_eq!(read(&store, oldest.clone()).await, log[..limit]);
        let newest = newest_first(&log[log.len() - limit..]);
        assert_eq!(read(&store, oldest.backward()).await, newest);
    }
}

/// A limit counts what the filter lets through, not what it looks at.
pub async fn a_limit_counts_what_is_let_through(store: Store) {
    let log = write(&store).await;
    let of_b: Vec<_> = log.into_iter().filter(|e| e.stream == stream("b")).collect();
    let found = read(&store, Read::stream(stream("b")).limit(2)).await;
    assert_eq!(found, of_b[..2]);
    let found = read(&store, Read::stream(stream("b")).backward().limit(2)).await;
    assert_eq!(found, newest_first(&of_b[of_b.len() - 2..]));
}

/// A limit above what there is yields what there is.
pub async fn a_limit_above_what_there_is(store: Store) {
    let log = write(&store).await;
    for limit in [log.len() as u64, log.len() as u64 + 1, u64::MAX] {
        assert_eq!(read(&store, Read::all().limit(limit)).await, log);
        let backward = Read::all().limit(limit).backward();
        assert_eq!(read(&store, backward).await, newest_first(&log));
    }
}

/// Pages that callers make with a limit and a bound, in either direction, fit together.
pub async fn pages_by_limit_and_bound_fit_together(store: Store) {
    let log = write(&store).await;
    let (mut forward, mut after) = (Vec::new(), Position::START);
    let (mut backward, mut until) = (Vec::new(), log[log.len() - 1].position);
    loop {
        let page = read(&store, Read::all().after(after).limit(2)).await;
        let Some(last) = page.last() else { break };
        assert!(last.position > after, "an event at or below the bound");
        after = last.position;
        forward.extend(page);
    }
    while until > Position::START {
        let page = read(&store, Read::all().until(until).backward().limit(2)).await;
        let Some(last) = page.last() else { break };
        until = Position::new(last.position.get() - 1);
        backward.extend(page);
    }
    assert_eq!(forward, log);
    assert_eq!(backward, newest_first(&log));
}

/// Ten events: six in stream `a`, four in stream `b`, interleaved.
async fn write(store: &Store) -> Vec<Recorded> {
    for (key, count) in [("a", 1), ("b", 1), ("a", 3), ("b", 2), ("a", 2), ("b", 1)] {
        put(store, key, many(count)).await;
    }
    all(store).await
}

fn vec<'a>(events: impl Iterator<Item = &'a Recorded>) -> Vec<Recorded> {
    events.cloned().collect()
}

/// Checks that the read yields these events, and backward the same ones.
async fn expect(store: &Store, wanted: Read, events: &[Recorded]) {
    assert_eq!(read(store, wanted.clone()).await, events, "{wanted:?}");
    let backward = read(store, wanted.clone().backward()).await;
    assert_eq!(backward, newest_first(events), "backward: {wanted:?}");
}
