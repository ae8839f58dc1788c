//! Signing keys, tickets (receipts) and passes (admission tokens).
