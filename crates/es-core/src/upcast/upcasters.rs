//! The checked set of upcasters: a layer, and a function for those who have no store.

use std::{fmt, panic::AssertUnwindSafe, sync::Arc};

use super::{
    UpcastersBuilder,
    chains::Chains,
    layer::Upcast,
    step::{Step, StepFailed},
};
use crate::{Backend, BoxError, Error, Layer, Payload, Result, Schema, panic_text};

/// Reads events that were written in an old form as the newest one.
///
/// A [`Layer`]: what is written passes through unchanged, what is read comes in the newest
/// form, and above the layer the old names no longer exist. Reads by type find events that
/// were written under an older name, and an `unless` condition excludes them as well. Put
/// all steps into one set: a second layer does not take events that the first has split.
///
/// ```
/// use es_core::{Error, Event, EventType, Payload, Schema, Store, Upcasters};
/// use serde_json::json;
/// # struct AccountEvent;
/// # impl Event for AccountEvent {
/// #     const SCHEMAS: &'static [Schema] = &[
/// #         Schema::from_static("account.opened", 1),
/// #         Schema::from_static("account.deposited", 2),
/// #         Schema::from_static("account.withdrawn", 1),
/// #     ];
/// #     fn schema(&self) -> &'static Schema { &Self::SCHEMAS[0] }
/// #     fn encode(&self) -> es_core::Result<Payload> { Payload::json(&()) }
/// #     fn decode(_: &Schema, _: &Payload) -> es_core::Result<Self> { Ok(Self) }
/// # }
///
/// fn with_old_events(store: Store) -> es_core::Result<Store> {
///     let upcasters = Upcasters::builder()
///         .current::<AccountEvent>()
///         .rename(("account.created", 1), ("account.opened", 1))
///         .change_json(("account.deposited", 1), |mut payload| {
///             let euros = payload["euros"].as_u64().ok_or("no euros")?;
///             payload["cents"] = json!(euros * 100);
///             Ok(payload)
///         })
///         .split_json(
///             ("account.corrected", 1),
///             [("account.withdrawn", 1), ("account.deposited", 2)],
///             |payload| {
///                 let (wrong, right) = (&payload["wrong"], &payload["right"]);
///                 Ok(vec![
///                     (("account.withdrawn", 1), json!({ "cents": wrong })),
///                     (("account.deposited", 2), json!({ "cents": right })),
///                 ])
///             },
///         )
///         .drop_all(EventType::from_static("account.viewed"))
///         .build()?;
///     Ok(store.layer(&upcasters))
/// }
/// ```
///
/// *What it costs.* One look-up per event that is read; for an event in an old form, its
/// steps and a new envelope. A limited read may ask the store more than once, because it
/// cannot know how many events become one or none.
///
/// *Conditions.* Stores know names and not steps, so an `unless` condition takes every event
/// under a name that may lead to an excluded type: also one that is dropped, or that was
/// split into others. It may fail where it need not; it never holds where it must not. Read
/// again and decide again, as after any failed condition.
///
/// *Tags* stay as they were written: a store finds events by those.
#[derive(Clone)]
pub struct Upcasters {
    chains: Arc<Chains>,
}

impl Upcasters {
    /// Begins a set of upcasters.
    pub fn builder() -> UpcastersBuilder {
        UpcastersBuilder::default()
    }

    pub(super) fn new(chains: Chains) -> Self {
        Self { chains: Arc::new(chains) }
    }

    /// Whether a step starts from `schema`: whether it is an old form.
    #[must_use]
    pub fn is_old(&self, schema: &Schema) -> bool {
        self.chains.step(schema).is_some()
    }

    /// Brings an event to its newest form: mostly one, several if it is split, none if it
    /// is dropped. A form of which nothing is known comes back as it is.
    ///
    /// # Errors
    /// `Undecodable` when a step fails or panics, or a split gives a form that it did not declare. The
    /// source names the step.
    pub fn upcast(&self, schema: &Schema, payload: &Payload) -> Result<Vec<(Schema, Payload)>> {
        let mut newest = Vec::new();
        // A step that panics fails like one that says so: it has the payload to itself, and
        // nothing of ours is torn by it.
        let expanding =
            AssertUnwindSafe(|| self.expand(schema.clone(), payload.clone(), &mut newest));
        match std::panic::catch_unwind(expanding) {
            Ok(Ok(())) => Ok(newest),
            Ok(Err(failed)) => Err(Error::undecodable(schema, failed)),
            Err(panic) => {
                let text = format!("the upcaster panicked: {}", panic_text(&*panic));
                Err(Error::undecodable(schema, text))
            }
        }
    }

    pub(super) fn chains(&self) -> &Chains {
        &self.chains
    }

    fn expand(
        &self,
        mut schema: Schema,
        mut payload: Payload,
        newest: &mut Vec<(Schema, Payload)>,
    ) -> Result<(), StepFailed> {
        loop {
            let failed = |source| StepFailed { from: schema.clone(), source };
            schema = match self.chains.step(&schema) {
                None => {
                    newest.push((schema, payload));
                    return Ok(());
                }
                Some(Step::Drop) => return Ok(()),
                Some(Step::Rename { to }) => to.clone(),
                Some(Step::Change { to, change }) => {
                    payload = change(payload).map_err(failed)?;
                    to.clone()
                }
                Some(Step::Split { to, split }) => {
                    for (part, payload) in split(payload).map_err(failed)? {
                        if !to.contains(&part) {
                            return Err(failed(undeclared(&part)));
                        }
                        self.expand(part, payload, newest)?;
                    }
                    return Ok(());
                }
            };
        }
    }
}

fn undeclared(part: &Schema) -> BoxError {
    format!("it gave {part}, which it did not declare: name it in the call of `split`").into()
}

impl Layer for Upcasters {
    fn layer(&self, inner: Backend) -> Backend {
        Arc::new(Upcast::new(self.clone(), inner))
    }
}

impl fmt::Debug for Upcasters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Upcasters").field(&self.chains).finish()
    }
}
