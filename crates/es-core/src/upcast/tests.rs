//! What upcasters promise, over a store that is told what to hold and how to fail.

mod appends;
mod chains;
mod followers;
mod forms;
mod model;
mod reads;
mod script;
