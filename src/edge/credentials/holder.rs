//! The holder of a pass, as far as the pass says.

use std::sync::Arc;

use fairgate_token::Pass;

/// The holder of a pass.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    /// The newest pass of the session.
    pub(crate) pass: Arc<Pass>,
    pub(crate) token: String,
    /// The token that the fan shows, by its id.
    pub(crate) shown: [u8; 32],
    /// True if the shown token is older than `pass`, so that the fan is owed the newest one.
    pub(crate) is_owed: bool,
}
