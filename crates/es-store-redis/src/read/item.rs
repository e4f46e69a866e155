//! What a read makes of a record: a recorded event, or what a fold needs of it.

use bytes::Bytes;
use es_core::{BareEvent, FoldEvent, FoldPage, Read, Recorded, Result, StreamId, Version};

use crate::record::Decoder;

/// What pages have in them.
pub(super) trait Item: Sized + Send + 'static {
    /// From the record at this place of its stream.
    fn of(
        decoder: &mut Decoder,
        record: Bytes,
        stream: &StreamId,
        version: Version,
    ) -> Result<Self>;

    /// What is known of it in either form.
    fn seen(&self) -> FoldEvent<'_>;

    /// Whether `read` means it, its limit aside.
    fn is_meant(&self, read: &Read) -> bool;

    /// A page as a fold takes it.
    fn to_fold(page: Vec<Self>) -> FoldPage;
}

impl Item for Recorded {
    fn of(
        decoder: &mut Decoder,
        record: Bytes,
        stream: &StreamId,
        version: Version,
    ) -> Result<Self> {
        decoder.event(record, stream, version)
    }

    fn seen(&self) -> FoldEvent<'_> {
        self.into()
    }

    fn is_meant(&self, read: &Read) -> bool {
        read.covers(self)
    }

    fn to_fold(page: Vec<Self>) -> FoldPage {
        FoldPage::Recorded(page)
    }
}

/// Only for reads that [`is_exact`](super::page::is_exact) holds for: it does not know its
/// stream, its tags and its time.
impl Item for BareEvent {
    fn of(decoder: &mut Decoder, record: Bytes, _: &StreamId, version: Version) -> Result<Self> {
        decoder.bare(record, version)
    }

    fn seen(&self) -> FoldEvent<'_> {
        self.into()
    }

    fn is_meant(&self, read: &Read) -> bool {
        // Only a stream that is read from its start is read beyond its end, which was not known.
        read.until.is_none_or(|until| self.position <= until)
    }

    fn to_fold(page: Vec<Self>) -> FoldPage {
        FoldPage::Bare(page)
    }
}
