//! What the program says about its events.

use es_core::{ContentType, Event, Payload, Schema, Shape, Upcasters};
use serde_json::Value;

type Decode = fn(&Schema, &Payload) -> es_core::Result<()>;

/// What the program says about its events.
#[derive(Debug, Default)]
pub(super) struct Program {
    forms: Vec<Known>,
    pub(super) upcasters: Option<Upcasters>,
}

/// One form that the program has.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) schema: Schema,
    pub(super) shape: Option<Shape>,
    /// How each type that has this form reads it.
    decode: Vec<Decode>,
    /// What samples of it are written as, or why they are not.
    pub(super) samples: Vec<Result<Value, String>>,
}

impl Program {
    pub(super) fn add<E: Event>(&mut self) {
        let decode: Decode = |schema, payload| E::decode(schema, payload).map(drop);
        let shapes = E::wire_shapes();
        for schema in E::SCHEMAS {
            let shape = shapes.iter().find(|(of, _)| of == schema).map(|(_, shape)| shape.clone());
            let known = self.entry(schema);
            known.decode.push(decode);
            known.shape = known.shape.take().or(shape);
        }
    }

    pub(super) fn sample<E: Event>(&mut self, event: &E) {
        let written = event.encode().map_err(|error| told(&error)).and_then(|payload| {
            if *payload.content_type() != ContentType::JSON {
                return Err(format!("it is {}, and a lock keeps JSON", payload.content_type()));
            }
            payload.to_json().map_err(|error| told(&*error))
        });
        self.entry(event.schema()).samples.push(written);
    }

    /// The forms, in the order in which they were said.
    pub(super) fn forms(&self) -> &[Known] {
        &self.forms
    }

    /// Whether the program writes and reads this form as it is.
    pub(super) fn has(&self, schema: &Schema) -> bool {
        self.known(schema).is_some()
    }

    /// Whether an upcaster leads on from this form.
    pub(super) fn is_old(&self, schema: &Schema) -> bool {
        self.upcasters.as_ref().is_some_and(|upcasters| upcasters.is_old(schema))
    }

    /// Reads a payload as the program would, upcasters first.
    ///
    /// # Errors
    /// In words: which step fails, or which form nobody reads.
    pub(super) fn read(&self, schema: &Schema, payload: &Value) -> Result<(), String> {
        let payload = Payload::json(payload).map_err(|error| told(&error))?;
        let newest = match &self.upcasters {
            Some(upcasters) => upcasters.upcast(schema, &payload).map_err(|error| told(&error))?,
            None => vec![(schema.clone(), payload)],
        };
        for (schema, payload) in newest {
            let Some(known) = self.known(&schema) else {
                return Err(format!("it becomes {schema}, which no event here has"));
            };
            for decode in &known.decode {
                decode(&schema, &payload).map_err(|error| told(&error))?;
            }
        }
        Ok(())
    }

    fn known(&self, schema: &Schema) -> Option<&Known> {
        self.forms.iter().find(|known| known.schema == *schema && !known.decode.is_empty())
    }

    fn entry(&mut self, schema: &Schema) -> &mut Known {
        let at = self.forms.iter().position(|known| known.schema == *schema);
        let at = at.unwrap_or_else(|| {
            let schema = schema.clone();
            self.forms.push(Known { schema, shape: None, decode: vec![], samples: vec![] });
            self.forms.len() - 1
        });
        &mut self.forms[at]
    }
}

impl Known {
    /// Payloads to lock: the samples, or one that is made up.
    pub(super) fn golden(&self) -> Vec<Value> {
        let samples: Vec<_> = self.samples.iter().flatten().cloned().collect();
        if samples.is_empty() {
            return self.shape.as_ref().and_then(Shape::example).into_iter().collect();
        }
        samples
    }
}

/// An error with all that it came from.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
