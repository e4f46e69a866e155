//! Where streams are placed, which must never change, and how evenly.

use es_core::StreamId;

use super::Placement;

fn stream(text: &str) -> StreamId {
    text.parse().unwrap()
}

/// Computed once. A change here is a log in which streams are looked for in the wrong place.
#[test]
fn a_stream_stays_where_it_was_placed() {
    let placed = |placement: Placement| {
        ["account/alice", "account/bob", "order/alice", "north@account/alice", "konto/ключ"]
            .map(|name| placement.partition(&stream(name), 1_000))
    };
    assert_eq!(placed(Placement::ByStream), STREAM);
    assert_eq!(placed(Placement::ByKey), KEY);
    assert_eq!(placed(Placement::ByCategory), CATEGORY);
    assert_eq!(placed(Placement::ByTenant), TENANT);
}

const STREAM: [u16; 5] = [797, 452, 266, 799, 44];
const KEY: [u16; 5] = [321, 845, 321, 105, 924];
const CATEGORY: [u16; 5] = [635, 635, 646, 651, 549];
const TENANT: [u16; 5] = [728, 728, 728, 220, 728];

#[test]
fn streams_that_agree_in_what_counts_are_together() {
    let together = |placement: Placement, names: [&str; 2]| {
        (1..=64).all(|count| {
            let [one, other] = names.map(|name| placement.partition(&stream(name), count));
            one == other && one < count
        })
    };
    assert!(together(Placement::ByKey, ["order/17", "shipment/17"]));
    assert!(together(Placement::ByCategory, ["order/17", "order/18"]));
    assert!(together(Placement::ByTenant, ["north@order/17", "north@account/alice"]));
    assert!(!together(Placement::ByStream, ["order/17", "shipment/17"]));
    assert!(!together(Placement::ByKey, ["north@order/17", "south@order/17"]));
}

#[test]
fn partitions_fill_evenly() {
    for count in [2_u16, 3, 7, 16] {
        let mut sizes = vec![0_u32; usize::from(count)];
        for number in 0..10_000 {
            let name = StreamId::new("account", format!("a-{number}")).unwrap();
            let partition = Placement::ByStream.partition(&name, count);
            sizes[usize::from(partition)] += 1;
        }
        let fair = 10_000 / u32::from(count);
        assert!(sizes.iter().all(|size| size.abs_diff(fair) < fair / 5), "{sizes:?}");
    }
}

#[test]
fn what_the_server_keeps_is_read_back() {
    for placement in
        [Placement::ByStream, Placement::ByKey, Placement::ByCategory, Placement::ByTenant]
    {
        assert_eq!(placement.to_string().parse(), Ok(placement));
    }
    assert!("moon".parse::<Placement>().is_err());
}
