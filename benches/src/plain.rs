//! How a loop by hand decodes an event: for the floors.

use crate::domain::AccountEvent;

#[derive(serde::Deserialize)]
struct Fields {
    cents: u64,
    reference: String,
    counterparty: String,
    booked_on: String,
}

/// Decodes as one would by hand, for the floors: serde on the bytes of the fields, and the name.
pub(crate) fn decode(name: &str, payload: &[u8]) -> anyhow::Result<AccountEvent> {
    let Fields { cents, reference, counterparty, booked_on } = serde_json::from_slice(payload)?;
    Ok(match name {
        "account.deposited" => {
            AccountEvent::Deposited { cents, reference, counterparty, booked_on }
        }
        "account.withdrawn" => {
            AccountEvent::Withdrawn { cents, reference, counterparty, booked_on }
        }
        other => anyhow::bail!("unknown type {other}"),
    })
}
