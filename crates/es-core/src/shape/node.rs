//! What is known about one place of a type, and what the walk answers there next.

use super::{
    dummies::{BYTES, NUMBERS, OTHER_TEXT, TEXTS},
    form::{Field, Form, Object, Variant},
};

/// What is known about one place.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// From 1, once the walk has been here.
    pub(super) id: u32,
    pub(super) kind: Kind,
    /// Which of the possible answers is given.
    pub(super) choice: usize,
    /// Whether no answer is taken, here or below.
    pub(super) fails: bool,
}

/// What the type asked for.
#[derive(Debug, Default)]
pub(super) enum Kind {
    #[default]
    Nothing,
    /// A value of which there is one.
    Plain(&'static str),
    Number(&'static str),
    Text,
    Bytes,
    Any,
    Option(Box<Node>),
    List(Box<Node>),
    Tuple(Vec<Node>),
    Map(Box<(Node, Node)>),
    Struct(Struct),
    Enum(Enum),
    /// A type that the walk is inside of already.
    Again(usize),
}

/// A value with named fields.
#[derive(Debug, Default)]
pub(super) struct Struct {
    pub(super) fields: Vec<Member>,
    /// Whether the last walk learned nothing below, so that it may be probed.
    pub(super) is_settled: bool,
    /// Whether other fields are refused.
    pub(super) refuses_others: Option<bool>,
    /// Which field was given last.
    pub(super) given: usize,
    /// Which of the fields that fail is given first.
    pub(super) turn: usize,
    /// How often in a row that taught nothing.
    pub(super) idle_turns: usize,
}

/// A field, or another name of one.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) node: Node,
    /// Whether it may be missing.
    pub(super) presence: Presence,
    /// The field that this is another name of.
    pub(super) alias_of: Option<&'static str>,
    /// Whether it is given before the others.
    pub(super) goes_first: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    NotTried,
    Required,
    Optional,
    /// It could not be found out.
    Unclear,
}

#[derive(Debug, Default)]
pub(super) struct Enum {
    pub(super) variants: Vec<Case>,
    pub(super) chosen: usize,
}

#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) content: Node,
    pub(super) is_unit: bool,
    /// Whether nothing more is to be learned in it.
    pub(super) is_done: bool,
    /// Whether it is refused whatever it holds.
    is_given_up: bool,
}

impl Node {
    /// Tries another answer at the place `id`, or above it where there is none left.
    /// `None` when that place is not below this one.
    pub(super) fn blame(&mut self, id: u32) -> Option<Blamed> {
        let blamed = if self.id == id {
            Blamed::NoOther { is_new: false }
        } else {
            self.children().find_map(|child| child.blame(id))?
        };
        Some(match blamed {
            Blamed::Other => Blamed::Other,
            // The rest of the variant is to be seen before it is given up.
            Blamed::NoOther { is_new: true } if matches!(self.kind, Kind::Enum(_)) => Blamed::Other,
            Blamed::NoOther { is_new } => {
                if self.another_answer() {
                    Blamed::Other
                } else {
                    let is_new = is_new || !self.fails;
                    self.fails = true;
                    Blamed::NoOther { is_new }
                }
            }
        })
    }

    fn another_answer(&mut self) -> bool {
        let answers = match &mut self.kind {
            Kind::Number(_) => NUMBERS.len(),
            Kind::Text => TEXTS.len(),
            Kind::Bytes => BYTES.len(),
            Kind::Any => TEXTS.len() + 6,
            Kind::List(_) => 3,
            Kind::Option(_) | Kind::Map(_) => 2,
            Kind::Enum(cases) => return cases.give_up(),
            Kind::Nothing | Kind::Plain(_) | Kind::Tuple(_) | Kind::Struct(_) | Kind::Again(_) => 1,
        };
        let has_more = self.choice + 1 < answers;
        self.choice += usize::from(has_more);
        has_more
    }

    fn children(&mut self) -> Box<dyn Iterator<Item = &mut Self> + '_> {
        match &mut self.kind {
            Kind::Option(one) | Kind::List(one) => Box::new(std::iter::once(&mut **one)),
            Kind::Tuple(parts) => Box::new(parts.iter_mut()),
            Kind::Map(entry) => {
                let (key, value) = &mut **entry;
                Box::new([key, value].into_iter())
            }
            Kind::Struct(plan) => Box::new(plan.fields.iter_mut().map(|field| &mut field.node)),
            Kind::Enum(cases) => Box::new(cases.variants.iter_mut().map(|case| &mut case.content)),
            _ => Box::new(std::iter::empty()),
        }
    }

    /// What it looks like, as far as it is known.
    pub(super) fn form(&self) -> Form {
        match &self.kind {
            Kind::Nothing => Form::plain(Form::UNKNOWN),
            Kind::Plain(name) | Kind::Number(name) => Form::plain(name),
            Kind::Bytes => Form::plain("bytes"),
            Kind::Any => Form::plain(Form::ANY),
            Kind::Text if self.fails => Form::plain(OTHER_TEXT),
            Kind::Text => Form::plain(TEXTS.get(self.choice).map_or(OTHER_TEXT, |(name, _)| name)),
            Kind::Again(levels) => Form::Plain(format!("{}{levels}", Form::AGAIN).into()),
            Kind::Option(inner) => Form::Nullable(Box::new(inner.form())),
            Kind::List(element) => Form::List(Box::new(element.form())),
            Kind::Tuple(parts) => Form::Tuple(parts.iter().map(Self::form).collect()),
            Kind::Map(entry) => match &entry.0.kind {
                // Fields of which serde does not tell the names.
                Kind::Any => Form::plain(Form::ANY),
                _ => Form::Map(Box::new(entry.0.form()), Box::new(entry.1.form())),
            },
            Kind::Struct(plan) => Form::Object(plan.object()),
            Kind::Enum(cases) => Form::Enum(cases.variants.iter().map(Case::variant).collect()),
        }
    }
}

/// What blaming a place has led to.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Blamed {
    /// Another answer is given next time.
    Other,
    /// There is none; whether that was not known before.
    NoOther { is_new: bool },
}

impl Struct {
    pub(super) fn of(fields: &'static [&'static str]) -> Self {
        let member = |name: &&'static str| Member {
            name,
            node: Node::default(),
            presence: Presence::NotTried,
            alias_of: None,
            goes_first: false,
        };
        Self { fields: fields.iter().map(member).collect(), ..Self::default() }
    }

    pub(super) fn is_of(&self, fields: &[&str]) -> bool {
        self.fields.iter().map(|field| field.name).eq(fields.iter().copied())
    }

    fn object(&self) -> Object {
        let own = self.fields.iter().filter(|field| field.alias_of.is_none());
        let aliases = |name| self.fields.iter().filter(move |field| field.alias_of == Some(name));
        let fields = own.map(|field| Field {
            name: field.name.to_owned(),
            aliases: aliases(field.name).map(|alias| alias.name.to_owned()).collect(),
            is_required: field.presence != Presence::Optional,
            form: field.node.form(),
        });
        Object { fields: fields.collect(), is_closed: self.refuses_others == Some(true) }
    }
}

impl Enum {
    pub(super) fn of(variants: &'static [&'static str]) -> Self {
        let case = |name: &&'static str| Case {
            name,
            content: Node::default(),
            is_unit: false,
            is_done: false,
            is_given_up: false,
        };
        Self { variants: variants.iter().map(case).collect(), chosen: 0 }
    }

    pub(super) fn is_of(&self, variants: &[&str]) -> bool {
        self.variants.iter().map(|case| case.name).eq(variants.iter().copied())
    }

    /// One of which something is to be learned; else one that is taken.
    pub(super) fn choose(&self) -> usize {
        let is_new = |case: &Case| !case.is_done && !case.is_given_up;
        let new = self.variants.iter().position(is_new);
        new.or_else(|| self.variants.iter().position(|case| !case.is_given_up)).unwrap_or(0)
    }

    /// Chooses the current variant no more. True when that leaves others.
    fn give_up(&mut self) -> bool {
        let Some(case) = self.variants.get_mut(self.chosen) else { return false };
        case.is_given_up = true;
        self.variants.iter().any(|case| !case.is_given_up)
    }
}

impl Case {
    fn variant(&self) -> Variant {
        let form = (!self.is_unit).then(|| self.content.form());
        Variant { name: self.name.to_owned(), form }
    }
}
