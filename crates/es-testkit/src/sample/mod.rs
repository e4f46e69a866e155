//! What the cases write and how they look at it.

mod event;
mod look;
mod write;

pub(crate) use event::{Reading, Sample};
#[cfg(feature = "proptest")]
pub(crate) use look::{Folded, folded};
pub(crate) use look::{
    all, expect_fold, expect_log, ids, newest_first, read, refused, refused_as, versions,
};
pub(crate) use write::{
    category, event, filler, key, many, put, schema, stream, tag, tenant, to, typed, version,
};
