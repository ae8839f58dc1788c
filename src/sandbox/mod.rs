//! Private servers for the demo, the tests and the benchmarks: own port, own data, stopped at the end.
