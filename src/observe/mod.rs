//! Metrics and logs, handed in and never looked up; no raw address, token or e-mail leaves through them.
