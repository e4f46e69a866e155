//! Which streams fall to which slice.

use es_core::{StreamId, SubscriberName, Tenant};

use super::{Slice, hash};

fn stream(key: impl std::fmt::Display) -> StreamId {
    StreamId::new("account", key).unwrap()
}

#[test]
fn each_stream_is_in_one_slice_and_slices_are_about_even() {
    for count in [1, 2, 3, 7, 8, 64, 256] {
        let slices: Vec<Slice> = Slice::all(count).collect();
        let mut held = vec![0_u32; usize::from(count)];
        for key in 0..20_000 {
            let of: Vec<_> = slices.iter().filter(|slice| slice.covers(&stream(key))).collect();
            assert_eq!(of.len(), 1, "{key} of {count}");
            held[usize::from(of[0].index())] += 1;
        }
        let fair = 20_000 / u32::from(count);
        let (least, most) = (held.iter().min().unwrap(), held.iter().max().unwrap());
        assert!(*least > fair / 2 && *most < fair * 2, "{least} to {most} of {fair}");
    }
}

/// Written down once: another value would let streams change slices with a release.
#[test]
fn a_stream_stays_in_its_slice_for_ever() {
    let alice = stream("alice");
    assert_eq!(hash(&alice), 0x4502_4d9a_cc1b_fd9e);
    let tenant = alice.with_tenant(Tenant::new("acme").unwrap());
    assert_eq!(hash(&tenant), 0x7046_5e04_7cf7_6dea);
    let in_eight = |s: &StreamId| Slice::all(8).find(|slice| slice.covers(s)).unwrap().number();
    assert_eq!((in_eight(&alice), in_eight(&tenant)), (3, 4));
}

#[test]
fn names_are_for_people() {
    let whole = SubscriberName::from_static("orders-v2");
    let names: Vec<String> =
        Slice::all(3).map(|slice| slice.subscriber(&whole).unwrap().to_string()).collect();
    assert_eq!(names, ["orders-v2.1of3", "orders-v2.2of3", "orders-v2.3of3"]);
    let long = SubscriberName::new("x".repeat(128)).unwrap();
    assert!(Slice::all(3).next().unwrap().subscriber(&long).is_err());
}
