//! The lock on disk.
//!
//! ```json
//! {
//!   "events": {
//!     "account.deposited": {
//!       "1": { "payloads": [{ "cents": 1 }], "shape": { "cents": "u64" } }
//!     }
//!   },
//!   "format": 1
//! }
//! ```

use std::{
    collections::BTreeMap,
    fs,
    io::{Error, ErrorKind},
    path::Path,
};

use es_core::{EventType, Schema, Shape};
use serde_json::{Map, Value, json};

use super::SchemaLockError;

/// What this program reads and writes.
const FORMAT: u64 = 1;

/// What is locked.
#[derive(Debug, Default)]
pub(super) struct Lock {
    /// By name and version, so that the file keeps its order.
    forms: BTreeMap<(EventType, u32), Form>,
}

/// What is locked of one form.
#[derive(Debug, Default)]
pub(super) struct Form {
    /// What the payload looks like, where it is known.
    pub(super) shape: Option<Shape>,
    /// Payloads that must decode for ever.
    pub(super) payloads: Vec<Value>,
}

impl Lock {
    /// Reads the file; where there is none, nothing is locked.
    pub(super) fn read(path: &Path) -> Result<Self, SchemaLockError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(file_error(path, source)),
        };
        Self::parse(&text)
            .map_err(|reason| SchemaLockError::Format { path: path.to_owned(), reason })
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), SchemaLockError> {
        let text = format!("{:#}\n", self.to_json());
        fs::write(path, text).map_err(|source| file_error(path, source))
    }

    pub(super) fn get(&self, schema: &Schema) -> Option<&Form> {
        self.forms.get(&(schema.name.clone(), schema.version))
    }

    pub(super) fn entry(&mut self, schema: &Schema) -> &mut Form {
        self.forms.entry((schema.name.clone(), schema.version)).or_default()
    }

    /// All forms, by name and version.
    pub(super) fn forms(&self) -> impl Iterator<Item = (Schema, &Form)> {
        let forms = self.forms.iter();
        forms.map(|((name, version), form)| (Schema::new(name.clone(), *version), form))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let format = file.get("format").and_then(Value::as_u64);
        if format != Some(FORMAT) {
            return Err(format!("its format is not {FORMAT}"));
        }
        let mut lock = Self::default();
        for (name, versions) in object(&file, "events")? {
            for (version, form) in versions.as_object().ok_or("an event has no versions")? {
                let name = EventType::new(name).map_err(|error| error.to_string())?;
                let version = version.parse().map_err(|_| format!("{version} is no version"))?;
                lock.forms.insert((name, version), Form::parse(form)?);
            }
        }
        Ok(lock)
    }

    fn to_json(&self) -> Value {
        let mut events = Map::new();
        for ((name, version), form) in &self.forms {
            let event = events.entry(name.as_str()).or_insert_with(|| json!({}));
            event[version.to_string()] = json!({ "shape": form.shape, "payloads": form.payloads });
        }
        json!({ "format": FORMAT, "events": events })
    }
}

impl Form {
    fn parse(form: &Value) -> Result<Self, String> {
        let shape = form.get("shape").cloned().unwrap_or_default();
        let payloads = form.get("payloads").and_then(Value::as_array);
        Ok(Self {
            shape: serde_json::from_value(shape).map_err(|error| error.to_string())?,
            payloads: payloads.ok_or("a version has no payloads")?.clone(),
        })
    }

    /// Keeps a payload, unless it is there.
    pub(super) fn keep(&mut self, payload: Value) {
        if !self.payloads.contains(&payload) {
            self.payloads.push(payload);
        }
    }
}

fn object<'a>(value: &'a Value, name: &str) -> Result<&'a Map<String, Value>, String> {
    value.get(name).and_then(Value::as_object).ok_or_else(|| format!("it has no `{name}`"))
}

fn file_error(path: &Path, source: Error) -> SchemaLockError {
    SchemaLockError::File { path: path.to_owned(), source }
}
