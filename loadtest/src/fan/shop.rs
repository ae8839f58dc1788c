//! Inside: look at the event, hold seats, pay, or change one's mind.

use super::{Fan, Fate};

impl Fan {
    pub(super) async fn shop(&mut self) -> Fate {
        Fate::WentIn
    }
}
