//! The order in which futures are begun and give their results.

use std::sync::Mutex;

use futures_util::{FutureExt, future::join_all};
use tokio::sync::oneshot;

use super::InOrder;

#[tokio::test]
async fn all_are_begun_in_order_before_the_first_is_awaited() {
    let begun = Mutex::new(Vec::new());
    let (replies, waiting): (Vec<_>, Vec<_>) = (0..50).map(|_| oneshot::channel::<u32>()).unzip();
    let futures = waiting.into_iter().enumerate().map(|(at, reply)| {
        let begun = &begun;
        async move {
            begun.lock().unwrap().push(at);
            reply.await.unwrap()
        }
    });
    let mut sent = InOrder::new(futures);
    assert!(begun.lock().unwrap().is_empty());
    // A task that has worked for long is asked to yield; here nobody is.
    for _ in 0..1_000 {
        drop(join_all((0..4).map(|_| tokio::task::coop::consume_budget())).now_or_never());
    }
    assert!(sent.next().now_or_never().is_none());
    assert_eq!(*begun.lock().unwrap(), (0..50).collect::<Vec<_>>());
    drop(replies);
}

#[tokio::test]
async fn results_come_in_order_each_as_soon_as_it_is_there() {
    let (mut replies, waiting): (Vec<_>, Vec<_>) =
        (0..3).map(|_| oneshot::channel::<u32>()).unzip();
    let mut sent = InOrder::new(waiting.into_iter().map(|reply| async { reply.await.unwrap() }));
    let (last, middle) = (replies.pop().unwrap(), replies.pop().unwrap());
    last.send(3).unwrap();
    assert!(sent.next().now_or_never().is_none(), "it is not its turn");
    replies.pop().unwrap().send(1).unwrap();
    assert_eq!(sent.next().await, Some(1));
    assert!(sent.next().now_or_never().is_none());
    middle.send(2).unwrap();
    assert_eq!((sent.next().await, sent.next().await, sent.next().await), (Some(2), Some(3), None));
}
