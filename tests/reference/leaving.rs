//! The way out of `leaving.md`: one line of the configuration opens the shop to everyone.

use crate::edge::Edge;
use crate::read;

#[test]
fn an_exempt_root_opens_the_shop_to_everyone() {
    let line = "exempt = [\"/\"]";
    assert!(read("docs/operations/leaving.md").contains(line));
    // Nobody has started the shop: who gets as far as that is told so.
    assert_eq!(Edge::start().problem("/tickets"), "waiting-room");
    assert_eq!(Edge::start_with(line).problem("/tickets"), "shop-down");
}
