//! A payload that fits a shape.

use serde_json::{Map, Number, Value, json};

use super::{
    dummies::text_of,
    form::{Form, Object},
};

/// A payload of this form, or `None` where the form does not tell enough.
pub(super) fn example(form: &Form) -> Option<Value> {
    Some(match form {
        Form::Plain(name) => plain(name)?,
        Form::Nullable(inner) => example(inner).unwrap_or(Value::Null),
        Form::List(element) => Value::Array(example(element).into_iter().collect()),
        Form::Tuple(parts) => Value::Array(parts.iter().map(example).collect::<Option<_>>()?),
        Form::Map(key, value) => Value::Object(entry(key, value).into_iter().collect()),
        Form::Object(object) => Value::Object(fields(object)?),
        Form::Enum(variants) => variants.iter().find_map(|variant| match &variant.form {
            None => Some(Value::String(variant.name.clone())),
            Some(form) => Some(json!({ variant.name.as_str(): example(form)? })),
        })?,
    })
}

fn plain(name: &str) -> Option<Value> {
    Some(match name {
        "bool" => Value::Bool(false),
        "char" => json!("a"),
        "null" => Value::Null,
        "bytes" => json!([]),
        "f32" | "f64" => Value::Number(Number::from_f64(1.5)?),
        "i8" | "i16" | "i32" | "i64" | "i128" | "u8" | "u16" | "u32" | "u64" | "u128" => json!(1),
        text => json!(text_of(text)?),
    })
}

/// JSON has texts for keys, and serde reads numbers from them.
fn entry(key: &Form, value: &Form) -> Option<(String, Value)> {
    let key = match example(key)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return None,
    };
    Some((key, example(value)?))
}

fn fields(object: &Object) -> Option<Map<String, Value>> {
    let mut fields = Map::new();
    for field in &object.fields {
        match example(&field.form) {
            Some(value) => {
                fields.insert(field.name.clone(), value);
            }
            None if field.is_required => return None,
            None => {}
        }
    }
    Some(fields)
}
