//! Walking over two shapes at once.

use super::{
    difference::{ShapeChange, ShapeDifference},
    form::{Field, Form, Object, Variant},
};

/// What has changed from `old` to `new`.
pub(super) fn compare(old: &Form, new: &Form) -> Vec<ShapeDifference> {
    let mut found = Found { path: String::new(), differences: Vec::new() };
    found.forms(old, new);
    found.differences
}

struct Found {
    path: String,
    differences: Vec<ShapeDifference>,
}

impl Found {
    fn add(&mut self, change: ShapeChange) {
        self.differences.push(ShapeDifference { path: self.path.clone(), change });
    }

    /// Does something one step deeper.
    fn at(&mut self, step: &str, look: impl FnOnce(&mut Self)) {
        let len = self.path.len();
        // A path does not begin with the dot that parts its fields.
        let step = if len == 0 { step.trim_start_matches('.') } else { step };
        self.path.push_str(step);
        look(self);
        self.path.truncate(len);
    }

    fn forms(&mut self, old: &Form, new: &Form) {
        match (old, new) {
            (Form::Nullable(old), Form::Nullable(new)) => self.forms(old, new),
            (old, Form::Nullable(new)) => {
                self.add(ShapeChange::BecameNullable);
                self.forms(old, new);
            }
            (Form::Nullable(old), new) => {
                self.add(ShapeChange::BecameNotNull);
                self.forms(old, new);
            }
            (Form::List(old), Form::List(new)) => self.at("[]", |found| found.forms(old, new)),
            (Form::Tuple(old), Form::Tuple(new)) if old.len() == new.len() => {
                for (at, (old, new)) in old.iter().zip(new).enumerate() {
                    self.at(&format!(".{at}"), |found| found.forms(old, new));
                }
            }
            (Form::Map(old_key, old), Form::Map(new_key, new)) => {
                self.at("{key}", |found| found.forms(old_key, new_key));
                self.at("{}", |found| found.forms(old, new));
            }
            (Form::Object(old), Form::Object(new)) => self.objects(old, new),
            (Form::Enum(old), Form::Enum(new)) => self.variants(old, new),
            (old, new) if old == new => {}
            (old, new) => self.add(ShapeChange::TypeChanged {
                from: old.word(),
                to: new.word(),
                widened: widened(old, new),
            }),
        }
    }

    fn objects(&mut self, old: &Object, new: &Object) {
        match (old.is_closed, new.is_closed) {
            (false, true) => self.add(ShapeChange::BecameClosed),
            (true, false) => self.add(ShapeChange::BecameOpen),
            _ => {}
        }
        let mut added: Vec<&Field> = new.fields.iter().collect();
        let mut removed = Vec::new();
        for field in &old.fields {
            match added.iter().position(|new| new.is_read_from(&field.name)) {
                Some(at) => {
                    let new = added.remove(at);
                    self.at(&format!(".{}", field.name), |found| found.fields(field, new));
                }
                None => removed.push(field),
            }
        }
        for field in removed {
            let same = added.iter().position(|new| new.form == field.form);
            let change = match same {
                Some(at) => {
                    let to = added.remove(at).name.clone();
                    ShapeChange::FieldRenamed { to, aliased: false }
                }
                None => ShapeChange::FieldRemoved,
            };
            self.at(&format!(".{}", field.name), |found| found.add(change));
        }
        for field in added {
            let change = ShapeChange::FieldAdded { required: field.is_required };
            self.at(&format!(".{}", field.name), |found| found.add(change));
        }
    }

    fn fields(&mut self, old: &Field, new: &Field) {
        if old.name != new.name {
            self.add(ShapeChange::FieldRenamed { to: new.name.clone(), aliased: true });
        }
        for alias in old.aliases.iter().filter(|alias| !new.is_read_from(alias)) {
            self.add(ShapeChange::AliasRemoved { alias: alias.clone() });
        }
        match (old.is_required, new.is_required) {
            (false, true) => self.add(ShapeChange::BecameRequired),
            (true, false) => self.add(ShapeChange::BecameOptional),
            _ => {}
        }
        self.forms(&old.form, &new.form);
    }

    fn variants(&mut self, old: &[Variant], new: &[Variant]) {
        for variant in old {
            let same = new.iter().find(|new| new.name == variant.name);
            self.at(&format!("<{}>", variant.name), |found| match same {
                None => found.add(ShapeChange::VariantRemoved),
                Some(new) => found.contents(variant.form.as_ref(), new.form.as_ref()),
            });
        }
        for variant in new.iter().filter(|new| old.iter().all(|old| old.name != new.name)) {
            self.at(&format!("<{}>", variant.name), |found| found.add(ShapeChange::VariantAdded));
        }
    }

    /// What two variants of one name hold.
    fn contents(&mut self, old: Option<&Form>, new: Option<&Form>) {
        match (old, new) {
            (None, None) => {}
            (Some(old), Some(new)) => self.forms(old, new),
            (old, new) => {
                let word = |form: Option<&Form>| form.map_or("no value".to_owned(), Form::word);
                self.add(ShapeChange::TypeChanged {
                    from: word(old),
                    to: word(new),
                    widened: false,
                });
            }
        }
    }
}

/// Whether every value of the old form is one of the new, as JSON writes it.
fn widened(old: &Form, new: &Form) -> bool {
    let (Form::Plain(old), Form::Plain(new)) = (old, new) else {
        // A walk that gets further than it did says nothing about payloads.
        return matches!(old, Form::Plain(name) if name == Form::UNKNOWN);
    };
    match (&**old, &**new) {
        (Form::UNKNOWN, _) | ("f32", "f64") | ("char", "string") => true,
        (old, "string") => old.starts_with("string:"),
        (old, "f64") => whole_number(old).is_some_and(|(_, bits)| bits <= 32),
        (old, "f32") => whole_number(old).is_some_and(|(_, bits)| bits <= 16),
        (old, new) => match (whole_number(old), whole_number(new)) {
            (Some((old_sign, old)), Some((new_sign, new))) => match (old_sign, new_sign) {
                ('i', 'u') => false,
                ('u', 'i') => old < new,
                _ => old <= new,
            },
            _ => false,
        },
    }
}

/// Sign and size of a type of whole numbers.
fn whole_number(name: &str) -> Option<(char, u32)> {
    let sign = name.chars().next().filter(|sign| matches!(sign, 'i' | 'u'))?;
    Some((sign, name[1..].parse().ok()?))
}
