//! The handle, followers and layers, on a store that says what it was told to say.

mod following;
mod handle;
mod script;
mod threads;
