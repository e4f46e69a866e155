//! Runs the program on repositories that git made, and on gits that lie.

mod changes;
mod failures;
mod history;
mod lies;
mod names;
mod program;
mod repository;
mod settings;
