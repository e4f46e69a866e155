//! `#[event(crate = "..")]`: es-core under another name.

use super::{round_trip, schemas};

mod vendored {
    pub(crate) use es_core as events;
}

#[derive(Debug, PartialEq, es_core::Event)]
#[event(crate = "vendored::events", prefix = "moved")]
enum Moved {
    #[event(transparent)]
    Far(Far),
    Near {
        by: u8,
    },
}

#[derive(Debug, PartialEq, es_core::Event)]
#[event(crate = "crate::paths::vendored::events")]
struct Far {
    #[event(tag)]
    by: u64,
}

#[test]
fn the_output_refers_to_the_path_that_is_given() {
    assert_eq!(schemas::<Moved>(), [("far", 1), ("moved.near", 1)]);
    round_trip(Moved::Near { by: 1 }, r#"{"by":1}"#);
    round_trip(Moved::Far(Far { by: 2 }), r#"{"by":2}"#);
}
