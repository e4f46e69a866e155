//! How the old forms become the newest, and events as old programs wrote them.

use anyhow::Context;
use eventsource::{EventType, Payload, Schema, Upcasters, prelude::*};
use serde_json::{Value, json};

use crate::account::AccountEvent;

/// What three old programs have left behind.
pub(crate) fn upcasters() -> eventsource::Result<Upcasters> {
    Upcasters::builder()
        .current::<AccountEvent>()
        // Opening was called creating, and later it got a currency.
        .rename(("account.created", 1), ("account.opened", 1))
        .change_json(("account.opened", 1), |mut payload| {
            payload["currency"] = json!("EUR");
            Ok(payload)
        })
        // Amounts were counted in euros.
        .change_json(("account.deposited", 1), |payload| {
            let euros = payload["euros"].as_u64().ok_or("no euros")?;
            Ok(json!({ "cents": euros * 100 }))
        })
        // A correction was one event; it is two.
        .split_json(
            ("account.corrected", 1),
            [("account.withdrawn", 1), ("account.deposited", 2)],
            |payload| {
                let (wrong, right) = (&payload["wrong"], &payload["right"]);
                Ok(vec![
                    (("account.withdrawn", 1), json!({ "cents": wrong })),
                    (("account.deposited", 2), json!({ "cents": right })),
                ])
            },
        )
        // Looking at an account is no longer an event, whatever it looked like.
        .drop_all(EventType::from_static("account.viewed"))
        .build()
}

/// The events of the golden files, in order.
pub(crate) fn golden() -> anyhow::Result<Vec<NewEvent>> {
    let files = [
        include_str!("../golden/1_created.json"),
        include_str!("../golden/2_deposited.json"),
        include_str!("../golden/3_viewed.json"),
        include_str!("../golden/4_corrected.json"),
        include_str!("../golden/5_viewed.json"),
    ];
    files.into_iter().map(event).collect()
}

fn event(file: &str) -> anyhow::Result<NewEvent> {
    let file: Value = serde_json::from_str(file)?;
    let name = EventType::new(file["type"].as_str().context("no type")?)?;
    let version = file["version"].as_u64().context("no version")?.try_into()?;
    let payload = Payload::json(&file["payload"])?;
    Ok(NewEvent::raw(Schema::new(name, version), payload))
}
