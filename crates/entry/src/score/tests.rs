use proptest::prelude::*;

use super::*;

fn points(facts: &Facts) -> u16 {
    Score::of(facts, 60).points()
}

fn crowding(entries: u32, mean: f64) -> Option<Crowding> {
    Some(Crowding { entries, mean })
}

#[test]
fn nothing_known_is_nothing_suspected() {
    let score = Score::of(&Facts::default(), 60);
    assert!(score.signals().is_empty() && !score.is_suspicious(1) && score.is_suspicious(0));
}

#[test]
fn every_signal_has_its_points() {
    let default = Facts::default;
    let browser = |change: fn(&mut BrowserFacts)| {
        let mut facts = default();
        change(&mut facts.browser);
        facts
    };
    for (facts, signal, expected) in [
        (Facts { address: crowding(61, 1.0), ..default() }, Signal::Address, 40),
        (Facts { block: crowding(1000, 1.0), ..default() }, Signal::Block, 30),
        (Facts { named: crowding(1000, 1.0), ..default() }, Signal::Named, 20),
        (Facts { is_data_centre: true, ..default() }, Signal::DataCentre, 40),
        (Facts { is_regular: true, ..default() }, Signal::Regular, 30),
        (Facts { is_work_odd: true, ..default() }, Signal::WorkOdd, 20),
        (browser(|browser| browser.is_webdriver = true), Signal::Webdriver, 30),
        (browser(|browser| browser.is_headless = true), Signal::Headless, 30),
        (browser(|browser| browser.has_no_language = true), Signal::NoLanguage, 30),
        (browser(|browser| browser.has_no_fetch_fields = true), Signal::NoFetchFields, 30),
        (Facts { has_waited: true, ..default() }, Signal::Waited, 60),
        (Facts { devices: 4, ..default() }, Signal::Devices, 60),
        (Facts { code_networks: 4, ..default() }, Signal::CodeNetworks, 60),
        (Facts { is_domain_full: true, ..default() }, Signal::MailDomain, 60),
    ] {
        assert_eq!(Score::of(&facts, 60).signals(), [(signal, expected)]);
        assert!(signal.explanation().ends_with('.'));
    }
    assert_eq!(points(&Facts { devices: 3, code_networks: 3, ..default() }), 0);
}

#[test]
fn a_network_is_looked_at_above_the_free_entries_and_the_crowds_mean() {
    for (entries, mean, is_shared, expected) in [
        (60, 1.0, false, 0),
        (61, 1.0, false, 40),
        (119, 1.0, false, 40),
        (120, 1.0, false, 60),
        (240, 1.0, false, 80),
        (480, 1.0, false, 100),
        (u32::MAX, 1.0, false, 100),
        // A hall full of honest people raises the mean with it.
        (160, 10.0, false, 0),
        (161, 10.0, false, 40),
        // A carrier's prefix that the organizer names.
        (60 * 64, 1.0, true, 0),
        (60 * 64 + 1, 1.0, true, 40),
        (16 * 64 * 10, 10.0, true, 0),
        (16 * 64 * 10 + 1, 10.0, true, 40),
        (0, 0.0, false, 0),
    ] {
        let facts = Facts { address: crowding(entries, mean), is_shared, ..Facts::default() };
        assert_eq!(points(&facts), expected, "{entries} {mean} {is_shared}");
    }
    let facts = Facts { address: crowding(1, 0.0), ..Facts::default() };
    assert_eq!(Score::of(&facts, 0).points(), 0, "one entry is never many");
}

#[test]
fn no_two_signals_have_one_word() {
    use Signal::*;
    let all = [
        Address,
        Block,
        Named,
        DataCentre,
        Regular,
        WorkOdd,
        Webdriver,
        Headless,
        NoLanguage,
        NoFetchFields,
        Waited,
        Devices,
        CodeNetworks,
        MailDomain,
    ];
    let mut words = all.map(Signal::as_str).to_vec();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), all.len());
}

proptest! {
    #[test]
    fn a_score_is_the_sum_of_its_signals(
        entries: u32, mean in 0.0f64..1e6, shared: bool, centre: bool, regular: bool, waited: bool, devices in 0u32..9, free: u32,
    ) {
        let facts = Facts {
            address: crowding(entries, mean), block: crowding(entries, mean), is_shared: shared, is_data_centre: centre,
            is_regular: regular, has_waited: waited, devices, ..Facts::default()
        };
        let score = Score::of(&facts, free);
        prop_assert_eq!(score.points(), score.signals().iter().map(|(_, points)| points).sum::<u16>());
        prop_assert!(score.is_suspicious(score.points()) && !score.is_suspicious(score.points() + 1));
        prop_assert!(score.signals().iter().all(|(_, points)| *points <= 100));
    }
}
