//! A shop over HTTP, on one log.
//!
//! `order` is the domain and knows nothing of HTTP or stores; `commands` turns requests into
//! appends; `views` is the list of orders, a projection; `feed` is the log as server-sent
//! events; `mails` hears of orders over Redis; `health` says how it is; `client` speaks to it, for
//! the demonstration and the tests; `service` puts them together, starts and stops them.

pub mod client;
mod commands;
mod feed;
mod health;
mod mails;
mod order;
mod page;
mod problem;
mod service;
mod views;

pub use mails::Bus;
pub use order::{Line, Order, OrderEvent};
pub use service::Service;
