//! What one event looks like in the file.

use es_core::{
    ContentType, Envelope, EventId, EventType, Metadata, NewEvent, Payload, Position, Recorded,
    Schema, StreamId, Tag, Timestamp, Version,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(crate) struct Line {
    id: EventId,
    name: EventType,
    schema: u32,
    stream: StreamId,
    version: Version,
    position: Position,
    at: Timestamp,
    metadata: Metadata,
    tags: Vec<Tag>,
    content_type: String,
    payload: Vec<u8>,
}

impl Line {
    pub(crate) fn of(event: &Recorded) -> Self {
        Self {
            id: event.id,
            name: event.schema.name.clone(),
            schema: event.schema.version,
            stream: event.stream.clone(),
            version: event.version,
            position: event.position,
            at: event.recorded_at,
            metadata: event.metadata.clone(),
            tags: event.tags.iter().cloned().collect(),
            content_type: event.payload.content_type().as_str().to_owned(),
            payload: event.payload.bytes().to_vec(),
        }
    }

    pub(crate) fn into_recorded(self) -> Recorded {
        let content_type = ContentType::new(self.content_type).unwrap_or(ContentType::BINARY);
        let payload = Payload::stored(content_type, self.payload.into());
        let event = NewEvent::raw(Schema::new(self.name, self.schema), payload)
            .with_id(self.id)
            .with_metadata(self.metadata)
            .with_tags(self.tags.into_iter().collect());
        Envelope::record(event, self.stream, self.version, self.position, self.at).into()
    }
}
