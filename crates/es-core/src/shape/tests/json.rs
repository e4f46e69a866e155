//! Shapes written down and read back.

use proptest::prelude::*;

use super::super::{
    Shape,
    form::{Field, Form, Object, Variant},
};

#[track_caller]
fn reads_back(shape: &Shape) {
    let text = shape.to_string();
    let read: Shape = serde_json::from_str(&text).unwrap();
    assert_eq!(read, *shape, "{text}");
    assert_eq!(read.to_string(), text);
}

#[test]
fn what_looks_like_a_marker_is_no_field() {
    let field = |name: &str, alias: &str, is_required| Field {
        name: name.to_owned(),
        aliases: vec![alias.to_owned()],
        is_required,
        form: Form::plain("u8"),
    };
    for odd in ["", "?", "()", "*", "|", "!", "\\", "a?", "a|b", "\\e", "e", "(", "a\\?"] {
        for is_required in [true, false] {
            let fields = vec![field(odd, "x", is_required), field("y", odd, is_required)];
            reads_back(&Shape(Form::Object(Object { fields, is_closed: false })));
        }
    }
}

#[test]
fn the_order_of_fields_is_kept() {
    let text = r#"{"b":"u8","a?":{"?":["u8"]},"c|d":{"*":[{"()":["u8"]},"any"]}}"#;
    let shape: Shape = serde_json::from_str(text).unwrap();
    assert_eq!(shape.to_string(), text);
}

#[test]
fn what_is_no_shape_is_refused() {
    for wrong in ["1", "[]", r#"["u8","u8"]"#, r#"{"a":1}"#, r#"{"|":[]}"#, r#"{"!":"u8"}"#] {
        assert!(serde_json::from_str::<Shape>(wrong).is_err(), "{wrong}");
    }
}

fn form() -> impl Strategy<Value = Form> {
    let name = "[a-c?|!*()\\\\e]{0,4}";
    let plain = prop::sample::select(vec!["u8", "string", "any", "string:uuid", "^1"]);
    plain.prop_map(Form::plain).prop_recursive(4, 30, 4, move |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        let field =
            (name, prop::collection::vec(name, 0..3), any::<bool>(), inner.clone()).prop_map(
                |(name, aliases, is_required, form)| Field { name, aliases, is_required, form },
            );
        let variants = prop::collection::btree_map(name, prop::option::of(inner.clone()), 0..3)
            .prop_map(|all| all.into_iter().map(|(name, form)| Variant { name, form }).collect());
        prop_oneof![
            boxed.clone().prop_map(Form::Nullable),
            boxed.clone().prop_map(Form::List),
            (boxed.clone(), boxed).prop_map(|(key, value)| Form::Map(key, value)),
            prop::collection::vec(inner, 0..3).prop_map(Form::Tuple),
            (prop::collection::vec(field, 0..4), any::<bool>())
                .prop_map(|(fields, is_closed)| Form::Object(Object { fields, is_closed })),
            variants.prop_map(Form::Enum),
        ]
    })
}

proptest! {
    #[test]
    fn every_shape_reads_back(form in form()) {
        reads_back(&Shape(form));
    }

    #[test]
    fn a_shape_does_not_differ_from_itself(form in form()) {
        prop_assert_eq!(super::super::compare::compare(&form, &form), []);
    }
}
