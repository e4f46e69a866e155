//! Every form that an event ever had can still be read.

use es_testkit::{SchemaLock, SchemaLockError};

use crate::{account::AccountEvent, history::upcasters};

#[test]
fn schema() -> Result<(), SchemaLockError> {
    let upcasters = upcasters().expect("the chains have no gap");
    SchemaLock::at("schemas.lock.json").event::<AccountEvent>().upcasters(&upcasters).check()
}
