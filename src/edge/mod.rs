//! The proxy shell around the gate: Pingora, listeners, and the fan-facing endpoints.
