//! What is seen of a type, how a shape is written down, and what a change of it means.

mod changes;
mod examples;
mod fingerprints;
mod json;
mod traced;
