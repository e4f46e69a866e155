//! An event that cannot go to another thread.

use std::{marker::PhantomData, rc::Rc};

#[derive(es_core::Event)]
struct Opened {
    #[serde(skip)]
    owner: PhantomData<Rc<str>>,
}

fn main() {}
