//! The configuration: what is parsed from the file, and what the program runs on, as two types.
