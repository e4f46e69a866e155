//! What the compiler says about mistakes.
//!
//! After a change of messages: `TRYBUILD=overwrite cargo test -p es-macros`, then read the
//! difference as somebody would who meets the message for the first time.

#[test]
fn every_mistake_is_explained() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
