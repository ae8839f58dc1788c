//! Connections of clients, before and between the requests that Pingora serves on them.

pub(super) mod cork;
pub(super) mod fast_path;
pub(super) mod http1;
pub(super) mod pre_tls;
pub(super) mod shed;
