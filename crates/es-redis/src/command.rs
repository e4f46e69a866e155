//! One command for Redis.

use bytes::Bytes;

use crate::{Script, slot};

/// One command: a name, its arguments, and the key that says which node of a cluster has it.
///
/// ```
/// use es_redis::Command;
///
/// let set = Command::new("SET").key("greeting").arg("hello").arg("PX").arg(60_000);
/// ```
#[derive(Clone, Debug)]
pub struct Command {
    pub(crate) name: &'static str,
    pub(crate) arguments: Vec<Bytes>,
    pub(crate) slot: Option<u16>,
    /// Where the arguments begin that a script takes, and the script.
    pub(crate) script: Option<Script>,
}

impl Command {
    /// A command without arguments.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, arguments: Vec::new(), slot: None, script: None }
    }

    /// Room for `more` arguments, so that adding them moves none.
    #[must_use]
    pub fn with_room(mut self, more: usize) -> Self {
        self.arguments.reserve(more);
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Argument) -> Self {
        self.arguments.push(argument.into_bytes());
        self
    }

    /// Adds an argument that is a key. The first one says which node of a cluster is asked.
    #[must_use]
    pub fn key(mut self, key: impl Argument) -> Self {
        let key = key.into_bytes();
        self.slot.get_or_insert_with(|| slot(&key));
        self.arguments.push(key);
        self
    }

    /// Sends it to the node of a cluster that has this key, which is no argument of it.
    #[must_use]
    pub fn at(mut self, key: &str) -> Self {
        self.slot = Some(slot(key.as_bytes()));
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl Argument>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Argument::into_bytes));
        self
    }
}

/// What may be an argument of a command.
pub trait Argument {
    /// The bytes that are sent.
    fn into_bytes(self) -> Bytes;
}

impl Argument for Bytes {
    fn into_bytes(self) -> Bytes {
        self
    }
}

impl Argument for &Bytes {
    fn into_bytes(self) -> Bytes {
        self.clone()
    }
}

impl Argument for Vec<u8> {
    fn into_bytes(self) -> Bytes {
        self.into()
    }
}

impl Argument for String {
    fn into_bytes(self) -> Bytes {
        self.into()
    }
}

impl Argument for &String {
    fn into_bytes(self) -> Bytes {
        Bytes::copy_from_slice(self.as_bytes())
    }
}

impl Argument for &'static str {
    fn into_bytes(self) -> Bytes {
        Bytes::from_static(self.as_bytes())
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Argument for $number {
            fn into_bytes(self) -> Bytes {
                self.to_string().into()
            }
        }
    )*};
}

numbers! { u16 u32 u64 usize i32 i64 }
