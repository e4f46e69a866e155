//! The written form of metadata: what is not there is left out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{
    Metadata,
    held::{Held, Known, More},
};
use crate::{Tenant, Timestamp};

/// The written form: what is not there is left out.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Written {
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    causation_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<Tenant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracestate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extra: BTreeMap<String, Value>,
}

impl From<Metadata> for Written {
    fn from(metadata: Metadata) -> Self {
        let more = metadata.0.more().cloned().unwrap_or_default();
        let More { actor, tenant, traceparent, tracestate, occurred_at, extra } = more;
        Self {
            correlation_id: metadata.correlation_id(),
            causation_id: metadata.causation_id(),
            actor,
            tenant,
            traceparent,
            tracestate,
            occurred_at,
            extra,
        }
    }
}

impl From<Written> for Metadata {
    fn from(written: Written) -> Self {
        let Written { actor, tenant, traceparent, tracestate, occurred_at, extra, .. } = written;
        let more = More { actor, tenant, traceparent, tracestate, occurred_at, extra };
        Self(Held::NOTHING.with(|known| {
            *known = Known {
                correlation: written.correlation_id.unwrap_or_default(),
                causation: written.causation_id.unwrap_or_default(),
                more: (more != More::default()).then(|| Box::new(more)),
            };
        }))
    }
}
