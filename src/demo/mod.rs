//! The whole on-sale on one machine: Postgres, booking core, edge and crowd, started and stopped together.
