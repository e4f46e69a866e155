//! Hearing that other processes have appended, on a connection of its own.

use std::{future::poll_fn, pin::pin, sync::Arc, time::Duration};

use es_core::Position;
use tokio::sync::watch;
use tokio_postgres::{AsyncMessage, Config, NoTls};

use crate::names::Names;

/// How long it waits at most before it connects again.
const LONGEST: Duration = Duration::from_secs(5);

/// Listens until it is aborted; connects again whenever the connection breaks.
pub(crate) async fn listen(config: Config, names: Names, published: Arc<watch::Sender<Position>>) {
    let mut pause = Duration::from_millis(50);
    loop {
        match session(&config, &names, &published).await {
            // It listened for a while: the server was there.
            Ok(()) => pause = Duration::from_millis(50),
            Err(error) => tracing::debug!(error = %error, "cannot listen; looking instead"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}

async fn session(
    config: &Config,
    names: &Names,
    published: &watch::Sender<Position>,
) -> Result<(), tokio_postgres::Error> {
    let (client, mut connection) = config.connect(NoTls).await?;
    let sql = format!("LISTEN {}", names.channel());
    let mut begin = pin!(client.batch_execute(&sql));
    let mut is_listening = false;
    poll_fn(|cx| {
        if !is_listening && let std::task::Poll::Ready(result) = begin.as_mut().poll(cx) {
            if let Err(error) = result {
                return std::task::Poll::Ready(Err(error));
            }
            is_listening = true;
        }
        loop {
            match std::task::ready!(connection.poll_message(cx)) {
                Some(Ok(AsyncMessage::Notification(told))) => hear(told.payload(), published),
                Some(Ok(_)) => {}
                Some(Err(error)) => return std::task::Poll::Ready(Err(error)),
                None => return std::task::Poll::Ready(Ok(())),
            }
            if !is_listening {
                cx.waker().wake_by_ref();
            }
        }
    })
    .await
}

/// Whatever was heard is a hint: those who are woken ask where the log ends.
fn hear(payload: &str, published: &watch::Sender<Position>) {
    let Ok(position) = payload.parse().map(Position::new) else { return };
    published.send_if_modified(|known| {
        let grown = position > *known;
        *known = position.max(*known);
        grown
    });
}
