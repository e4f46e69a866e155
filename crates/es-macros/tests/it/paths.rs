//! es-core under another name: by `#[event(crate = "..")]`, or behind the facade.

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

#[derive(Debug, PartialEq, es_macros::EventFacade)]
enum FacadeEvent {
    Opened {
        #[event(tag)]
        owner: String,
    },
    #[event(transparent)]
    Far(Far),
    Held(u8),
}

#[test]
fn the_output_for_the_facade_differs_in_the_path_only() {
    assert_eq!(schemas::<FacadeEvent>(), [("facade.opened", 1), ("far", 1), ("facade.held", 1)]);
    round_trip(FacadeEvent::Opened { owner: "alice".to_owned() }, r#"{"owner":"alice"}"#);
    round_trip(FacadeEvent::Far(Far { by: 2 }), r#"{"by":2}"#);
    round_trip(FacadeEvent::Held(1), "1");
}
