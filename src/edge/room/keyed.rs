//! A fan's ask together with the key that the fan has proved, where the room binds tickets to keys.
//!
//! Guarantee: where nobody has proved a key, the store is asked what it was asked before there were keys.

use fairgate_core::room::{Command, Holder};

/// An ask, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keyed<I> {
    /// What is asked.
    pub(crate) ask: I,
    /// Who asks; none where no key was proved.
    pub(crate) holder: Option<Holder>,
}

/// The command of what several fans ask.
pub(super) fn command<I>(asked: Vec<Keyed<I>>, of: fn(Vec<I>) -> Command) -> Command {
    let (asks, holders): (Vec<I>, Vec<Option<Holder>>) =
        asked.into_iter().map(|Keyed { ask, holder }| (ask, holder)).unzip();
    let command = of(asks);
    if holders.iter().all(Option::is_none) {
        return command;
    }
    Command::ByKey { holders, command: Box::new(command) }
}

#[cfg(test)]
mod tests {
    use fairgate_core::room::Spot;

    use super::*;

    #[test]
    fn keys_stand_beside_those_who_proved_them_and_nobody_else() {
        let holder = Holder { at: Spot::Line { place: 1 }, key: [1; 16] };
        let asked = |holders: [Option<Holder>; 2]| holders.map(|holder| Keyed { ask: 7, holder }).to_vec();
        assert_eq!(command(asked([None, None]), Command::Renew), Command::Renew(vec![7, 7]));
        let Command::ByKey { holders, command } = command(asked([None, Some(holder)]), Command::Renew) else {
            panic!("a key was proved");
        };
        assert_eq!((holders, *command), (vec![None, Some(holder)], Command::Renew(vec![7, 7])));
    }
}
