//! What Prometheus scrapes.

use prometheus::{Encoder, Registry, TextEncoder};

/// The content type of [`expose`].
pub const EXPOSITION_TYPE: &str = prometheus::TEXT_FORMAT;

/// A registry that knows the process itself: memory, CPU, open files.
///
/// # Errors
/// When the process cannot be observed.
pub fn registry() -> prometheus::Result<Registry> {
    let registry = Registry::new();
    registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
    Ok(registry)
}

/// All metrics of a registry in Prometheus's text format.
///
/// # Errors
/// When a metric has no values to show, which is a mistake in its declaration.
pub fn expose(registry: &Registry) -> prometheus::Result<Vec<u8>> {
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text)?;
    Ok(text)
}
