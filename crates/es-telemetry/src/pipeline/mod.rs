//! A pipeline for programs that have none: where spans and metrics go, set up in one call.

mod guard;
#[cfg(feature = "otlp")]
mod sender;
mod setting;

use es_core::Result;

pub use guard::Guard;
pub use setting::Pipeline;

/// Sets up tracing and metrics for the process, for a service of this name, and gives what
/// measures with them. Keep it until the end: dropping it sends what is left.
///
/// With the feature `otlp`, and unless the variable `OTEL_TRACES_EXPORTER` is `console`, they
/// go to the collector that `OTEL_EXPORTER_OTLP_ENDPOINT` names, `http://localhost:4317` if
/// it is not set; else, with the feature `stdout`, they are printed. [`Pipeline`] has more to
/// set, and what to do in a program that has a subscriber already.
///
/// # Errors
/// Those of [`Pipeline::start`].
pub fn init(service: impl Into<String>) -> Result<Guard> {
    let wants_console = std::env::var("OTEL_TRACES_EXPORTER").is_ok_and(|name| name == "console");
    let service = service.into();
    #[cfg(all(feature = "otlp", feature = "stdout"))]
    let pipeline = if wants_console { Pipeline::stdout(service) } else { Pipeline::otlp(service) };
    #[cfg(all(feature = "otlp", not(feature = "stdout")))]
    let pipeline = {
        let _ = wants_console;
        Pipeline::otlp(service)
    };
    #[cfg(all(feature = "stdout", not(feature = "otlp")))]
    let pipeline = {
        let _ = wants_console;
        Pipeline::stdout(service)
    };
    pipeline.start()
}
