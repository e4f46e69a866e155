//! Setting the program against its lock.

use es_core::Shape;
use serde_json::Value;

use super::{
    SchemaFinding,
    file::{Form, Lock},
    program::{Known, Program},
};

/// In what the program and the lock differ.
pub(super) fn findings(lock: &Lock, program: &Program) -> Vec<SchemaFinding> {
    let mut findings = Vec::new();
    for known in program.forms() {
        match lock.get(&known.schema) {
            None => new_form(known, program, &mut findings),
            Some(locked) => changed_form(locked, known, &mut findings),
        }
        samples(lock.get(&known.schema), known, program, &mut findings);
    }
    for (schema, locked) in lock.forms() {
        if !program.has(&schema) && !program.is_old(&schema) {
            findings.push(SchemaFinding::not_safe(
                &schema,
                "it is gone, and no upcaster starts from it, so events of it could not be read: \
                 keep it, or give `upcasters` the step that leads on from it",
            ));
            continue;
        }
        for payload in &locked.payloads {
            if let Err(why) = program.read(&schema, payload) {
                let what = format!(
                    "{} was written and can no longer be read ({why}): let the type or the \
                     upcasters take it, or raise the version and add an upcaster",
                    shortened(payload)
                );
                findings.push(SchemaFinding::not_safe(&schema, what));
            }
        }
    }
    findings
}

/// Writes into the lock what the program says. Only for findings that are all safe.
pub(super) fn take_over(lock: &mut Lock, program: &Program) {
    for known in program.forms() {
        let locked = lock.entry(&known.schema);
        let is_changed = match (&locked.shape, &known.shape) {
            (Some(old), Some(new)) => !Shape::compare(old, new).is_empty(),
            (old, new) => old != new,
        };
        locked.shape.clone_from(&known.shape);
        if is_changed || locked.payloads.is_empty() || !known.samples.is_empty() {
            known.golden().into_iter().for_each(|payload| locked.keep(payload));
        }
    }
}

fn new_form(known: &Known, program: &Program, findings: &mut Vec<SchemaFinding>) {
    findings.push(SchemaFinding::safe(&known.schema, "it is new"));
    if !known.samples.is_empty() {
        return;
    }
    let read = match known.golden().first() {
        Some(payload) => program.read(&known.schema, payload),
        None => Err("its shape does not tell enough".to_owned()),
    };
    if let Err(why) = read {
        let what = format!("no payload can be made up for it ({why}): give one by `sample`");
        findings.push(SchemaFinding::not_safe(&known.schema, what));
    }
}

fn changed_form(locked: &Form, known: &Known, findings: &mut Vec<SchemaFinding>) {
    let schema = &known.schema;
    match (&locked.shape, &known.shape) {
        (Some(old), Some(new)) => {
            for difference in Shape::compare(old, new) {
                findings.push(if difference.is_safe() {
                    SchemaFinding::safe(schema, difference.to_string())
                } else {
                    SchemaFinding::not_safe(schema, difference.to_string())
                });
            }
        }
        (None, Some(_)) => findings.push(SchemaFinding::safe(schema, "its shape is known now")),
        (Some(_), None) => findings.push(SchemaFinding::safe(
            schema,
            "its shape is no longer known, so only its payloads are compared",
        )),
        (None, None) => {}
    }
}

fn samples(
    locked: Option<&Form>,
    known: &Known,
    program: &Program,
    findings: &mut Vec<SchemaFinding>,
) {
    let schema = &known.schema;
    if !program.has(schema) {
        let what = "a sample was given of it, but not its event: add that by `event`";
        findings.push(SchemaFinding::not_safe(schema, what));
        return;
    }
    for sample in &known.samples {
        let read = sample.as_ref().map_err(Clone::clone).and_then(|payload| {
            program.read(schema, payload)?;
            Ok(payload)
        });
        match read {
            Err(why) => {
                let what = format!("what a sample is written as cannot be read back: {why}");
                findings.push(SchemaFinding::not_safe(schema, what));
            }
            Ok(payload) if locked.is_some_and(|locked| !locked.payloads.contains(payload)) => {
                let what = format!("a sample is written as {}", shortened(payload));
                findings.push(SchemaFinding::safe(schema, what));
            }
            Ok(_) => {}
        }
    }
}

/// A payload that is not too long to be shown.
fn shortened(payload: &Value) -> String {
    const SHOWN: usize = 200;
    let text = payload.to_string();
    match text.char_indices().nth(SHOWN) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
