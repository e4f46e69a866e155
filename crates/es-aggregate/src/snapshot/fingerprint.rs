//! The part of a snapshot's key that says what state it holds.
//!
//! *Hazard.* A snapshot that was written by an older program may decode into the state of
//! a newer one and mean something else.
//! *Mechanism.* A hash of the state's wire shape is part of the key, so a snapshot of
//! another shape is not found.
//! *Limits.* Those of [`Shape`]. A change of meaning without a change of shape is for
//! `STATE_VERSION`. So is any change of a state whose `Deserialize` panics at dummy data
//! instead of refusing it: its shape stays unknown, and decoding alone guards it.

use std::panic::catch_unwind;

use es_core::{Shape, panic_text};
use serde::de::DeserializeOwned;

/// Hashes the shape of `T` together with a name and a version of the caller's.
pub(super) fn fingerprint<T: DeserializeOwned>(name: &str, version: u32) -> u64 {
    let shape = match catch_unwind(Shape::of::<T>) {
        Ok(shape) => shape.fingerprint(),
        Err(panic) => {
            let text = panic_text(&*panic);
            tracing::warn!(aggregate = name, panic = text, "the shape of a state is not known");
            0
        }
    };
    let (version, shape) = (version.to_be_bytes(), shape.to_be_bytes());
    // FNV-1a again; a name has no byte 0xff.
    let bytes = name.bytes().chain([0xff]).chain(version).chain(shape);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
