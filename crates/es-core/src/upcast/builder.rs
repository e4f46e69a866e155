//! Saying how old forms become newer ones.

use std::sync::Arc;

use serde_json::Value;

use super::{Upcasters, chains::Chains, step::Step};
use crate::{BoxError, Event, EventType, Payload, Result, Schema};

/// Says how old forms become newer ones; [`UpcastersBuilder::build`] checks it.
///
/// A form is a type and a version, `("account.deposited", 1)`. A step that fails makes the
/// event `Undecodable`, with its position: nothing is dropped by accident.
#[derive(Debug, Default)]
#[must_use = "steps do nothing until they are built into upcasters"]
pub struct UpcastersBuilder {
    current: Vec<Schema>,
    steps: Vec<(Schema, Step)>,
    dropped: Vec<EventType>,
}

impl UpcastersBuilder {
    /// Declares the forms of `E` current: what chains may end with. Say it of every event
    /// that steps lead to; several may share a form.
    pub fn current<E: Event>(mut self) -> Self {
        self.current.extend_from_slice(E::SCHEMAS);
        self
    }

    /// Declares one form current that no Rust type stands for.
    pub fn current_schema(mut self, schema: impl Into<Schema>) -> Self {
        self.current.push(schema.into());
        self
    }

    /// Changes the payload: from a version to the next one of the same type.
    pub fn change<F>(self, from: impl Into<Schema>, change: F) -> Self
    where
        F: Fn(Payload) -> Result<Payload, BoxError> + Send + Sync + 'static,
    {
        let from = from.into();
        let to = Schema::new(from.name.clone(), from.version.saturating_add(1));
        self.replace(from, to, change)
    }

    /// The same on JSON.
    ///
    /// Numbers pass through [`Value`], which holds 64 bits: where an event has larger ones,
    /// or fractions of which the last digit matters, use [`UpcastersBuilder::change`].
    pub fn change_json<F>(self, from: impl Into<Schema>, change: F) -> Self
    where
        F: Fn(Value) -> Result<Value, BoxError> + Send + Sync + 'static,
    {
        self.change(from, on_json(change))
    }

    /// Gives the event another name and version, with the payload as it is.
    pub fn rename(self, from: impl Into<Schema>, to: impl Into<Schema>) -> Self {
        self.step(from.into(), Step::Rename { to: to.into() })
    }

    /// Gives the event another name and version, and changes the payload.
    pub fn replace<F>(self, from: impl Into<Schema>, to: impl Into<Schema>, change: F) -> Self
    where
        F: Fn(Payload) -> Result<Payload, BoxError> + Send + Sync + 'static,
    {
        self.step(from.into(), Step::Change { to: to.into(), change: Arc::new(change) })
    }

    /// The same on JSON; see [`UpcastersBuilder::change_json`] for what that costs.
    pub fn replace_json<F>(self, from: impl Into<Schema>, to: impl Into<Schema>, change: F) -> Self
    where
        F: Fn(Value) -> Result<Value, BoxError> + Send + Sync + 'static,
    {
        self.replace(from, to, on_json(change))
    }

    /// Makes several events of one, or none. They have its id, version, position, tags and
    /// metadata; see [`Part`](crate::Part).
    ///
    /// `to` names all forms that the closure may give; another one makes the event
    /// `Undecodable`. An event of which it makes none is dropped.
    pub fn split<T, S, F>(
        self,
        from: impl Into<Schema>,
        to: impl IntoIterator<Item = T>,
        split: F,
    ) -> Self
    where
        T: Into<Schema>,
        S: Into<Schema>,
        F: Fn(Payload) -> Result<Vec<(S, Payload)>, BoxError> + Send + Sync + 'static,
    {
        let to = to.into_iter().map(Into::into).collect();
        let split = move |payload| {
            let parts = split(payload)?.into_iter();
            Ok(parts.map(|(form, part)| (form.into(), part)).collect())
        };
        self.step(from.into(), Step::Split { to, split: Arc::new(split) })
    }

    /// The same on JSON; see [`UpcastersBuilder::change_json`] for what that costs.
    pub fn split_json<T, S, F>(
        self,
        from: impl Into<Schema>,
        to: impl IntoIterator<Item = T>,
        split: F,
    ) -> Self
    where
        T: Into<Schema>,
        S: Into<Schema>,
        F: Fn(Value) -> Result<Vec<(S, Value)>, BoxError> + Send + Sync + 'static,
    {
        self.split(from, to, move |payload| {
            let parts = split(payload.to_json()?)?.into_iter();
            parts.map(|(form, part)| Ok((form, Payload::json(&part)?))).collect()
        })
    }

    /// Drops the events of one version: readers no longer see them. They stay in the log,
    /// and keep their versions in their streams.
    pub fn drop(self, from: impl Into<Schema>) -> Self {
        self.step(from.into(), Step::Drop)
    }

    /// Drops the events of all versions of a type.
    pub fn drop_all(mut self, event_type: EventType) -> Self {
        self.dropped.push(event_type);
        self
    }

    /// Checks the steps and makes a layer of them.
    ///
    /// # Errors
    /// [`Invalid::Upcasters`](crate::Invalid::Upcasters) with a
    /// [`BrokenChain`](crate::BrokenChain) when a step leads nowhere, steps lead in a
    /// circle, two start from one form, or one starts from a current form; else `Invalid`
    /// for a name or a version that cannot be.
    pub fn build(self) -> Result<Upcasters> {
        let Self { current, steps, dropped } = self;
        Ok(Upcasters::new(Chains::checked(current, steps, dropped)?))
    }

    fn step(mut self, from: Schema, step: Step) -> Self {
        self.steps.push((from, step));
        self
    }
}

fn on_json<F>(change: F) -> impl Fn(Payload) -> Result<Payload, BoxError> + Send + Sync
where
    F: Fn(Value) -> Result<Value, BoxError> + Send + Sync,
{
    move |payload| Ok(Payload::json(&change(payload.to_json()?)?)?)
}
