//! Two events written by hand, for the typed parts of the contract.

use es_core::{Error, Event, Payload, Result, Schema, Tag, Tags};

/// What happens to an account, as an enum with one schema per variant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sample {
    Opened { owner: String },
    Deposited { amount: i64 },
}

impl Sample {
    const OPENED: usize = 0;
    const DEPOSITED: usize = 1;
}

impl Event for Sample {
    const SCHEMAS: &'static [Schema] =
        &[Schema::from_static("account.opened", 1), Schema::from_static("account.deposited", 2)];

    fn schema(&self) -> &'static Schema {
        match self {
            Self::Opened { .. } => &Self::SCHEMAS[Self::OPENED],
            Self::Deposited { .. } => &Self::SCHEMAS[Self::DEPOSITED],
        }
    }

    fn encode(&self) -> Result<Payload> {
        match self {
            Self::Opened { owner } => Payload::json(owner),
            Self::Deposited { amount } => Payload::json(amount),
        }
    }

    fn decode(schema: &Schema, payload: &Payload) -> Result<Self> {
        let misfit = |error| Error::undecodable(schema, error);
        match Self::SCHEMAS.iter().position(|known| known == schema) {
            Some(Self::OPENED) => Ok(Self::Opened { owner: payload.to_json().map_err(misfit)? }),
            Some(_) => Ok(Self::Deposited { amount: payload.to_json().map_err(misfit)? }),
            None => Err(Error::unknown_event(schema, Self::SCHEMAS)),
        }
    }

    fn tags(&self) -> Result<Tags> {
        match self {
            Self::Opened { owner } => Ok(Tags::NONE.with(Tag::new("owner", owner)?)),
            Self::Deposited { .. } => Ok(Tags::NONE),
        }
    }
}

/// A measurement: a number that JSON can write, or one that it cannot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reading(pub(crate) f64);

impl Event for Reading {
    const SCHEMAS: &'static [Schema] = &[Schema::from_static("meter.read", 1)];

    fn schema(&self) -> &'static Schema {
        &Self::SCHEMAS[0]
    }

    fn encode(&self) -> Result<Payload> {
        Payload::json(&self.0)
    }

    fn decode(schema: &Schema, payload: &Payload) -> Result<Self> {
        if *schema != Self::SCHEMAS[0] {
            return Err(Error::unknown_event(schema, Self::SCHEMAS));
        }
        let value = payload.to_json().map_err(|error| Error::undecodable(schema, error))?;
        Ok(Self(value))
    }
}
