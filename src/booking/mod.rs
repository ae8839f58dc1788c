//! The booking core: a separate process over Postgres that sells every seat once.
