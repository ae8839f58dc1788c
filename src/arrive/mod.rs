//! From a request to a decision, purely: one canonical path, one room or none, one kind of visitor.
