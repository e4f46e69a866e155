//! What an acknowledged append survives.

use std::{fmt, time::Duration};

/// What an acknowledged append survives, as the store is set up now (L7).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> es_core::Result<()> {
/// use es_core::Store;
/// use es_store_memory::MemoryStore;
///
/// let durability = Store::new(MemoryStore::new()).durability().await?;
/// println!("an append {durability}"); // say so when the program starts
/// assert!(!durability.survives_power_loss);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Durability {
    /// The end of the process that appended.
    pub survives_client_crash: bool,
    /// `kill -9` of the server, where there is one; else the same as for the client.
    pub survives_server_crash: bool,
    /// A power cut of the machine that keeps the log.
    pub survives_power_loss: bool,
    /// How much acknowledged work a power cut can take at most, where that is bounded.
    pub loss_window: Option<Duration>,
    /// The settings that this rests on, for people: `fsync=on, synchronous_commit=on`.
    pub settings: String,
}

impl Durability {
    /// The log lives in the memory of the process and ends with it.
    #[must_use]
    pub fn volatile(settings: impl Into<String>) -> Self {
        Self {
            survives_client_crash: false,
            survives_server_crash: false,
            survives_power_loss: false,
            loss_window: None,
            settings: settings.into(),
        }
    }

    /// An acknowledged append survives everything but the loss of the disk.
    #[must_use]
    pub fn full(settings: impl Into<String>) -> Self {
        Self {
            survives_client_crash: true,
            survives_server_crash: true,
            survives_power_loss: true,
            loss_window: Some(Duration::ZERO),
            settings: settings.into(),
        }
    }

    /// Crashes of processes lose nothing; a power cut may take the last `window` of work.
    #[must_use]
    pub fn delayed(window: Option<Duration>, settings: impl Into<String>) -> Self {
        Self { survives_power_loss: false, loss_window: window, ..Self::full(settings) }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let survives = if self.survives_power_loss {
            "survives crashes and power cuts"
        } else if self.survives_server_crash {
            "survives crashes; a power cut may lose the latest appends"
        } else if self.survives_client_crash {
            "survives the client; the loss of the server loses the log"
        } else {
            "ends with the process"
        };
        write!(f, "{survives} ({})", self.settings)
    }
}
