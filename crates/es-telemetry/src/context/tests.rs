//! What is a context and what is none.

use super::*;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn read(parent: &str, state: Option<&str>) -> Option<SpanContext> {
    of_metadata(&Metadata::new().with_trace(parent, state))
}

#[test]
fn what_is_written_is_read_again() {
    let context = read(PARENT, Some("vendor=1,other=2")).unwrap();
    assert!(context.is_remote() && context.is_sampled());
    assert_eq!(context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(Traceparent::of(&context).as_str(), PARENT);
    assert_eq!(state(&context).as_deref(), Some("vendor=1,other=2"));
}

#[test]
fn what_was_not_sampled_is_kept() {
    let parent = PARENT.replace("-01", "-00");
    let context = read(&parent, None).unwrap();
    assert!(!context.is_sampled());
    assert_eq!(Traceparent::of(&context).as_str(), parent);
    assert_eq!(state(&context), None);
}

#[test]
fn what_is_no_context_is_none() {
    for parent in [
        "",
        "00",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0é",
    ] {
        assert_eq!(read(parent, None), None, "{parent}");
    }
    assert!(read(&PARENT.replacen("00", "cc", 1), None).is_some(), "a later version");
    assert!(read(PARENT, Some("not a state")).is_some(), "a bad state loses no context");
}
