//! Followers: the seam, early wakes, errors that pass and errors that stay, the limit.

use futures_util::FutureExt;

use super::{
    super::*,
    script::{
        Answer, Script, busy, event, head, head_at, is_replaced, is_rolled_back, pages, pages_then,
        torn, wait,
    },
};
use crate::{
    Diverged, Error, ErrorKind, Event, EventId, Head, LogId, Payload, Position, Read, Result,
    Schema, Version,
};

/// What a follower meets, in short: `1`, `caught up at 3`, `busy`.
async fn meets<T>(follower: &mut FollowStream<T>, count: usize) -> Vec<String> {
    let mut met = Vec::new();
    for _ in 0..count {
        met.push(match follower.next().await {
            None => "the end".into(),
            Some(Ok(Follow::Event(event))) => event.position.to_string(),
            Some(Ok(Follow::CaughtUp(head))) => format!("caught up at {}", head.position),
            Some(Err(error)) => error.kind().to_string(),
        });
    }
    met
}

/// Whether nothing comes for now.
fn is_quiet<T>(follower: &mut FollowStream<T>) -> bool {
    follower.next().now_or_never().is_none()
}

#[tokio::test]
async fn it_reads_up_to_the_head_and_then_waits_for_more() {
    let script = Script::new([
        head(3),
        pages([&[1, 2], &[], &[3]]),
        wait(5),
        pages([&[4, 5]]),
        wait(6),
        pages([&[]]), // the filter let nothing through
    ]);
    let mut follower = script.store().follow(Read::all());
    let met = meets(&mut follower, 8).await;
    assert_eq!(
        met,
        ["1", "2", "3", "caught up at 3", "4", "5", "caught up at 5", "caught up at 6"]
    );
    assert!(is_quiet(&mut follower));
    let asked = ["head", "read 0..3", "wait 3", "read 3..5", "wait 5", "read 5..6", "wait 6"];
    assert_eq!(script.asked(), asked);
}

#[tokio::test]
async fn on_an_empty_log_it_is_caught_up_at_once() {
    let script = Script::new([head(0), pages([])]);
    let mut follower = script.store().follow(Read::all());
    assert_eq!(meets(&mut follower, 1).await, ["caught up at 0"]);
    assert!(is_quiet(&mut follower));
}

#[tokio::test]
async fn it_starts_behind_its_checkpoint() {
    let script = Script::new([head(5), pages([&[4, 5]])]);
    let read = Read::all().after(Position::new(3)).of_log(head_at(0).log);
    let mut follower = script.store().follow(read);
    assert_eq!(meets(&mut follower, 3).await, ["4", "5", "caught up at 5"]);
    assert_eq!(script.asked()[1], "read 3..5");
}

#[tokio::test]
async fn an_early_wake_is_no_news() {
    let script = Script::new([head(1), pages([&[1]]), wait(1), wait(1), wait(2), pages([&[2]])]);
    let mut follower = script.store().follow(Read::all());
    let met = meets(&mut follower, 4).await;
    assert_eq!(met, ["1", "caught up at 1", "2", "caught up at 2"]);
    assert_eq!(script.asked()[2..6], ["wait 1", "wait 1", "wait 1", "read 1..2"]);
}

#[tokio::test]
async fn a_store_that_never_sleeps_does_not_starve_the_others() {
    let wakes = (0..1_000).map(|_| wait(1));
    let script = Script::new([head(1), pages([&[1]])].into_iter().chain(wakes));
    let mut follower = script.store().follow(Read::all());
    assert_eq!(meets(&mut follower, 2).await, ["1", "caught up at 1"]);
    assert!(is_quiet(&mut follower), "others have their turn after each early wake");
    assert!(script.asked().len() < 10, "{} questions in one turn", script.asked().len());
}

#[tokio::test]
async fn after_a_temporary_error_it_goes_on_from_where_it_was() {
    let script = Script::new([
        Answer::Head(Err(busy())),
        head(4),
        pages_then([&[1], &[2]], busy()),
        head(4),
        pages([&[3, 4]]),
        Answer::Wait(Err(busy())),
        wait(5),
        pages_then([], busy()),
        head(6),
        pages([&[5, 6]]),
    ]);
    let mut follower = script.store().follow(Read::all());
    let met = meets(&mut follower, 12).await;
    let wanted = [
        "busy",
        "1",
        "2",
        "busy",
        "3",
        "4",
        "caught up at 4",
        "busy",
        "busy",
        "5",
        "6",
        "caught up at 6",
    ];
    assert_eq!(met, wanted);
    assert!(is_quiet(&mut follower));
    assert_eq!(script.asked()[3..5], ["head", "read 2..4"]);
}

#[tokio::test]
async fn the_news_is_not_lost_with_a_read_that_fails_at_its_end() {
    let empty = [head(0), pages_then([], busy()), head(0), pages([])];
    let script = Script::new(empty);
    let mut follower = script.store().follow(Read::all());
    assert_eq!(meets(&mut follower, 2).await, ["busy", "caught up at 0"]);

    let read_to_the_end = [head(2), pages_then([&[1, 2]], busy()), head(2), pages([])];
    let script = Script::new(read_to_the_end);
    let mut follower = script.store().follow(Read::all());
    assert_eq!(meets(&mut follower, 4).await, ["1", "2", "busy", "caught up at 2"]);
    assert!(is_quiet(&mut follower));
}

#[tokio::test]
async fn any_other_error_ends_it() {
    for answers in [vec![Answer::Head(Err(torn()))], vec![head(1), pages_then([], torn())]] {
        let script = Script::new(answers);
        let mut follower = script.store().follow(Read::all());
        assert_eq!(meets(&mut follower, 3).await, ["fault", "the end", "the end"]);
    }
    let script = Script::new([head(1), pages([&[1]]), Answer::Wait(Err(torn()))]);
    let mut follower = script.store().follow(Read::all());
    assert_eq!(meets(&mut follower, 4).await, ["1", "caught up at 1", "fault", "the end"]);
}

#[tokio::test]
async fn a_log_that_was_replaced_is_noticed() {
    let other = || Head::new(LogId::generate(), Position::new(9));
    let first = Script::new([Answer::Head(Ok(other()))]);
    let mut follower = first.store().follow(Read::all().of_log(head_at(0).log));
    assert!(is_replaced(&follower.next().await.unwrap().unwrap_err()));
    assert!(follower.next().await.is_none());

    let later = Script::new([head(1), pages([&[1]]), Answer::Wait(Ok(other()))]);
    let mut follower = later.store().follow(Read::all());
    meets(&mut follower, 2).await;
    assert!(is_replaced(&follower.next().await.unwrap().unwrap_err()));
    assert!(follower.next().await.is_none());

    let after_an_error = [head(1), pages_then([], busy()), Answer::Head(Ok(other()))];
    let script = Script::new(after_an_error);
    let mut follower = script.store().follow(Read::all());
    assert_eq!(meets(&mut follower, 1).await, ["busy"]);
    assert!(is_replaced(&follower.next().await.unwrap().unwrap_err()));
}

#[tokio::test]
async fn a_log_that_was_rolled_back_is_noticed() {
    let script = Script::new([head(3)]);
    let mut follower = script.store().follow(Read::all().after(Position::new(4)));
    assert!(is_rolled_back(&follower.next().await.unwrap().unwrap_err()));
    assert!(follower.next().await.is_none());

    let script = Script::new([head(2), pages([&[1, 2]]), wait(1)]);
    let mut follower = script.store().follow(Read::all());
    meets(&mut follower, 3).await;
    assert!(is_rolled_back(&follower.next().await.unwrap().unwrap_err()));
    assert!(follower.next().await.is_none());
}

#[tokio::test]
async fn in_another_term_the_log_must_still_have_what_was_seen() {
    let term = |position, term| Ok(head_at(position).in_term(term, Some(EventId::new())));
    let begun = || {
        let first = [Answer::Head(term(2, 1)), pages([&[1, 2]])];
        first.into_iter().chain([Answer::Wait(term(3, 1)), pages([&[3]])])
    };
    // It has what was told of before the last read, and what came with that.
    let has = [Answer::Wait(term(4, 2)), pages([&[2]]), pages([&[3]]), pages([&[4]])];
    let script = Script::new(begun().chain(has));
    let mut follower = script.store().follow(Read::all());
    let met = meets(&mut follower, 7).await;
    assert_eq!(met[3..], ["3", "caught up at 3", "4", "caught up at 4"]);
    assert!(is_quiet(&mut follower));

    // It has grown, and has another event there, or had it elsewhere.
    for lacks in [vec![pages([])], vec![pages([&[1]])], vec![pages([&[2]]), pages([])]] {
        let replaced = begun().chain([Answer::Wait(term(9, 2))]).chain(lacks);
        let mut follower = Script::new(replaced).store().follow(Read::all());
        meets(&mut follower, 5).await;
        let error = follower.next().await.unwrap().unwrap_err();
        assert!(matches!(error.diverged(), Some(Diverged::Rewritten { .. })), "{error}");
        assert!(follower.next().await.is_none());
    }

    // It is looked for until that can be answered; an event that cannot be read is there.
    let unsure = [
        Answer::Wait(term(4, 2)),
        pages_then([], busy()),
        Answer::Wait(term(4, 2)),
        pages_then([], torn()),
        pages([&[3]]),
        pages([&[4]]),
    ];
    let mut follower = Script::new(begun().chain(unsure)).store().follow(Read::all());
    assert_eq!(meets(&mut follower, 8).await[5..], ["busy", "4", "caught up at 4"]);
}

#[tokio::test]
async fn a_limit_counts_across_pages_and_reads() {
    let script = Script::new([
        head(2),
        pages([&[1], &[2]]),
        wait(9),
        pages([&[3, 4, 5], &[6]]), // a store that gives more than was asked for
    ]);
    let mut follower = script.store().follow(Read::all().limit(4));
    let met = meets(&mut follower, 7).await;
    assert_eq!(met, ["1", "2", "caught up at 2", "3", "4", "the end", "the end"]);
    assert_eq!(script.asked()[1], "read 0..2 limit 4");
    assert_eq!(script.asked()[3], "read 2..9 limit 2");
}

#[tokio::test]
async fn a_limit_of_nothing_ends_it_after_the_news() {
    let script = Script::new([head(2), pages([])]);
    let mut follower = script.store().follow(Read::all().limit(0));
    assert_eq!(meets(&mut follower, 2).await, ["caught up at 2", "the end"]);
}

#[derive(Debug, PartialEq)]
struct Counted(u64);

impl Event for Counted {
    const SCHEMAS: &'static [Schema] = &[Schema::from_static("counted", 1)];

    fn schema(&self) -> &'static Schema {
        &Self::SCHEMAS[0]
    }

    fn encode(&self) -> Result<Payload> {
        Payload::json(&self.0)
    }

    fn decode(schema: &Schema, payload: &Payload) -> Result<Self> {
        payload.to_json().map(Self).map_err(|error| Error::undecodable(schema, error))
    }
}

#[tokio::test]
async fn an_event_that_does_not_decode_ends_a_typed_follower() {
    let misfit = event(2, &Payload::json("two").unwrap());
    let mut page = super::script::events(&[1, 3]);
    page.insert(1, misfit);
    let script = Script::new([head(3), Answer::Read(vec![Ok(page)])]);
    let mut follower = script.store().follow_as::<Counted>(Read::all());
    assert_eq!(follower.next_event().await.unwrap().unwrap().event, Counted(1));
    let error = follower.next_event().await.unwrap().unwrap_err();
    assert_eq!(error.undecodable_details().unwrap().position, Some(Position::new(2)));
    assert!(follower.next().await.is_none(), "the event behind it is not handed out");
}

#[tokio::test]
async fn what_has_an_end_cannot_be_followed() {
    let stream = event(1, &Payload::json(&1).unwrap()).stream.clone();
    for read in [
        Read::all().backward(),
        Read::all().until(Position::new(9)),
        Read::stream(stream).to_version(Version::FIRST),
        Read::all().recorded_until(crate::Timestamp::now()),
    ] {
        let script = Script::new([]);
        let mut follower = script.store().follow(read);
        let error = follower.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(follower.next().await.is_none());
        assert_eq!(script.asked(), [""; 0], "the store is not even asked");
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_loses_nothing() {
    let script = Script::new([head(1), pages([&[1]])]);
    let mut follower = script.store().follow(Read::all());
    drop(follower.next());
    assert_eq!(meets(&mut follower, 2).await, ["1", "caught up at 1"]);
    for _ in 0..3 {
        assert!(is_quiet(&mut follower), "polled once and dropped");
    }
    assert_eq!(script.asked(), ["head", "read 0..1", "wait 1"], "the wait itself is kept");
}

#[tokio::test]
async fn next_event_passes_over_the_news() {
    let script = Script::new([head(0), pages([]), wait(1), pages([&[1]])]);
    let mut follower = script.store().follow(Read::all());
    let event = follower.next_event().await.unwrap().unwrap();
    assert_eq!(event.position, Position::new(1));
    assert_eq!(Follow::Event(event.clone()).into_event(), Some(event.clone()));
    assert_eq!(Follow::Event(event).caught_up(), None);
    assert_eq!(Follow::<()>::CaughtUp(head_at(1)).caught_up(), Some(head_at(1)));
    assert_eq!(Follow::<()>::CaughtUp(head_at(1)).into_event(), None);
}
