//! Many at once: nothing is lost, and nobody is in another's way for ever.

use super::*;

pub(crate) async fn whoever_else_appends_nothing_is_lost_or_doubled<R: Rows>(rows: R) {
    let store = rows.store();
    for key in 0..50 {
        store.append(deposit(key % 5)).await.unwrap();
    }
    // Made inline while a runner works on it, by two at once.
    let running = Runner::new(store.clone()).project(rows.projection(), rows.model());
    let running = running.start().unwrap();
    let (one, two) = tokio::join!(rows.start(), rows.start());
    let inlines = [Arc::new(one.unwrap()), Arc::new(two.unwrap())];
    assert_once(&rows, 50).await;
    let mut writers = Vec::new();
    for writer in 0..6_u64 {
        let (store, inline) = (store.clone(), Arc::clone(&inlines[usize::from(writer % 2 == 0)]));
        writers.push(tokio::spawn(async move {
            for number in 0..25_u64 {
                let append = deposit(number % 5);
                if writer < 4 {
                    inline.append(append).await.unwrap();
                } else {
                    store.append(append).await.unwrap();
                }
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    inlines[0].append(deposit(1)).await.unwrap();
    assert_once(&rows, 201).await;
    let seen = rows.told().seen.lock().unwrap().clone();
    let mut versions = BTreeMap::new();
    for event in seen {
        // What was rolled back is seen again, so an event may come twice, and never early.
        let known = versions.entry(event.stream.to_string()).or_insert(0);
        assert!(event.version.get() <= *known + 1, "{} after {known}", event.version);
        *known = event.version.get().max(*known);
    }
    let status = running.status("deposits").await.unwrap();
    assert!(status.state.is_over(), "the runner was fenced: {}", status.state);
}

/// Rows of one's own are committed while others move the checkpoint.
pub(crate) async fn commits_without_an_append_take_turns_with_appends<R: Rows>(rows: R) {
    const APPENDS: u64 = 100;
    let inline = Arc::new(rows.start().await.unwrap());
    let (appending, ended) = (Arc::clone(&inline), Arc::new(AtomicBool::new(false)));
    let (is_over, key) = (Arc::clone(&ended), 1);
    let appends = tokio::spawn(async move {
        for _ in 0..APPENDS {
            appending.append(deposit(key)).await.unwrap();
        }
        is_over.store(true, Ordering::SeqCst);
    });
    let mut commits = 0;
    while !ended.load(Ordering::SeqCst) {
        inline.begin().await.unwrap().commit().await.unwrap();
        commits += 1;
    }
    appends.await.unwrap();
    assert!(commits > 0);
    assert_once(&rows, APPENDS).await;
}
