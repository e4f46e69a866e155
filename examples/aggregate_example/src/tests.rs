//! The events look on the wire as they did when they were first written.

use es_testkit::{SchemaLock, SchemaLockError};

use crate::cart::CartEvent;

#[test]
fn schema() -> Result<(), SchemaLockError> {
    SchemaLock::at("schemas.lock.json").event::<CartEvent>().check()
}
