//! What Prometheus scrapes.

use prometheus::{Encoder, Registry, TextEncoder};

use super::logs::lost_lines;

/// The content type of [`expose`].
pub const EXPOSITION_TYPE: &str = prometheus::TEXT_FORMAT;

/// A registry that knows the process itself: memory, CPU, open files, and the lines of its log that were lost.
///
/// # Errors
/// When the process cannot be observed.
pub fn registry() -> prometheus::Result<Registry> {
    let registry = Registry::new();
    registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
    registry.register(Box::new(lost_lines()))?;
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
