//! Writes to the store, closes it, opens it again and finds everything.

use custom_store::FileStore;
use es_core::{Append, ExpectedVersion, NewEvent, Payload, Read, Schema, Store, StreamId};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let path = std::env::temp_dir().join(format!("custom-store-{}.log", std::process::id()));
    for visit in 1..=3 {
        let store = Store::new(FileStore::open(&path)?);
        let greeted = Schema::from_static("visitor.greeted", 1);
        let event = NewEvent::raw(greeted, Payload::json(&format!("visit {visit}"))?);
        let visitor = StreamId::new("visitor", "alice")?;
        let receipt = store.append(Append::to(visitor.clone(), ExpectedVersion::Any).event(event));
        let receipt = receipt.await?;
        let events = store.read(Read::stream(visitor)).into_vec().await?.len();
        println!("Opened {visit} times: version {}, {events} events.", receipt.version());
        anyhow::ensure!(events == visit);
    }
    std::fs::remove_file(path)?;
    println!("`cargo test -p custom_store` runs the whole contract on it.");
    Ok(())
}
