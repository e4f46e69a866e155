//! Both bounds of a read of a stream, wherever they lie.

use es_core::{Read, Store, Version};

use crate::{
    checks::{stream, to},
    server::on_a_log,
};

fn version(number: u64) -> Version {
    Version::new(number).unwrap()
}

async fn folded(store: &Store, read: Read) -> Vec<u64> {
    let (mut pages, mut versions) = (store.read_to_fold(read), Vec::new());
    while let Some(page) = pages.next().await.transpose().unwrap() {
        versions.extend(page.events().map(|event| event.version.get()));
    }
    versions
}

#[test]
fn a_fold_has_what_lies_between_both_bounds() {
    on_a_log(|log| async move {
        let store = log.store().await;
        store.append(to("a", 6)).await.unwrap();
        for from in 1..9 {
            for to in 1..9 {
                let read = Read::stream(stream("a")).from_version(version(from));
                let read = read.to_version(version(to));
                let meant: Vec<u64> = (from..=to.min(6)).collect();
                let read_whole = store.read(read.clone()).into_vec().await.unwrap();
                let versions: Vec<u64> =
                    read_whole.iter().map(|event| event.version.get()).collect();
                assert_eq!(versions, meant, "read from {from} to {to}");
                assert_eq!(folded(&store, read).await, meant, "folded from {from} to {to}");
            }
        }
    });
}
