//! Scripts: run by their digest, sent whole when the server does not know them.

use std::sync::Arc;

use bytes::Bytes;

use crate::{Argument, Command, driver};

/// A Lua script. Cheap to clone.
///
/// Begin it with `#!lua`: then a cluster refuses a key of another slot that was not
/// declared, which a script without that line reads and writes as long as it happens to be
/// on the same node.
#[derive(Clone, Debug)]
pub struct Script(Arc<Source>);

#[derive(Debug)]
struct Source {
    text: Bytes,
    digest: Bytes,
}

impl Script {
    /// A script from its text.
    #[must_use]
    pub fn new(text: &'static str) -> Self {
        let digest = driver::sha1(text).into();
        Self(Arc::new(Source { text: Bytes::from_static(text.as_bytes()), digest }))
    }

    /// The command that runs it with these keys; add the arguments to it. A server that does
    /// not know the script answers nothing of it: it is sent again whole, by itself.
    ///
    /// In a [`batch`](crate::Redis::batch) that second sending comes after the rest of the
    /// batch; [`load`](crate::Redis::load) the script before where the order counts.
    #[must_use]
    pub fn on(&self, keys: impl IntoIterator<Item = impl Argument>) -> Command {
        let mut command = Command::new("EVALSHA");
        command.arguments.push(self.0.digest.clone());
        command.arguments.push(Bytes::new());
        for key in keys {
            command = command.key(key);
        }
        let count = command.arguments.len() - 2;
        command.arguments[1] = count.into_bytes();
        command.script = Some(self.clone());
        command
    }

    /// The digest that the server knows it by.
    pub(crate) fn digest(&self) -> &[u8] {
        &self.0.digest
    }

    /// The command that gives the server the script.
    pub(crate) fn loading(&self) -> Command {
        Command::new("SCRIPT").arg("LOAD").arg(&self.0.text)
    }

    /// `command`, which ran this script by its digest, with the whole script.
    pub(crate) fn whole(&self, mut command: Command) -> Command {
        command.name = "EVAL";
        if let Some(first) = command.arguments.first_mut() {
            first.clone_from(&self.0.text);
        }
        command.script = None;
        command
    }
}
