//! Which ids come, and that no two are the same.

use std::collections::HashSet;

use super::Ids;

#[test]
fn a_seed_gives_the_same_ids_again() {
    let (one, two) = (Ids::seeded(1), Ids::seeded(1));
    for place in 0..100 {
        let id = one.draw();
        assert_eq!(id, two.draw());
        assert_eq!(id, one.nth(place));
    }
    assert_eq!(one.drawn(), 100);
}

#[test]
fn no_id_comes_twice() {
    let rows: Vec<_> = (0..10).map(Ids::seeded).collect();
    let ids: HashSet<_> = rows.iter().flat_map(|row| (0..100).map(|_| row.draw())).collect();
    assert_eq!(ids.len(), 1_000);
}

#[test]
fn clones_draw_from_the_same_row() {
    let ids = Ids::seeded(3);
    let clone = ids.clone();
    assert_ne!(ids.draw(), clone.draw());
    assert_eq!(ids.drawn(), 2);
}

/// Written down once, so that a change of the row is seen: histories are kept by their seed.
#[test]
fn the_row_does_not_change() {
    assert_eq!(Ids::seeded(0).draw().to_string(), "84113ffb-8041-5aad-b593-ef280e06e31c");
}
