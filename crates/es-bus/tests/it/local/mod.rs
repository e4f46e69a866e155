//! The bus in process.

mod failing;
mod full;
mod stopping;
mod subscribing;
