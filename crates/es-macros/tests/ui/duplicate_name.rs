//! One name for two variants.

#[derive(es_core::Event)]
enum AccountEvent {
    Closed,
    #[event(name = "account.closed", version = 2)]
    ClosedAgain,
    #[event(name = "account.opened")]
    Begun,
    Opened { owner: String },
}

fn main() {}
