//! What the chart in `helm/` configures is what the program reads, and fits the pods that it makes.

use std::fs;

use super::parse;

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/helm");

/// The lines of a literal block of the chart's values.
fn block(values: &str, key: &str) -> String {
    let lines = values.lines().skip_while(|line| *line != format!("{key}: |")).skip(1);
    lines
        .take_while(|line| line.is_empty() || line.starts_with("  "))
        .fold(String::new(), |text, line| text + line.strip_prefix("  ").unwrap_or(line) + "\n")
}

#[test]
fn the_charts_configuration_is_right_and_fits_the_pods_that_it_makes() {
    let read = |file: &str| fs::read_to_string(format!("{CHART}/{file}")).expect(file);
    let text = block(&read("values.yaml"), "config");
    let config = parse(&format!("config_version = 7\n{text}")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.rooms[0].origin.version, 7);
    assert!(config.store.redis.is_some(), "several edges share a Redis");

    let pod = read("templates/edge.yaml");
    let port = |port: u16| assert!(pod.contains(&format!("containerPort: {port}\n")), "port {port}");
    config.edge.listen.iter().chain([&config.admin.listen]).for_each(|address| port(address.port()));
    for path in [&config.edge.keys, &config.store.path] {
        assert!(pod.contains(&format!("mountPath: {}\n", path.display())), "{}", path.display());
    }
    let grace_s = (config.edge.shutdown_delay_ms + config.edge.shutdown_grace_ms) / 1_000;
    let given_s = read("values.yaml")
        .lines()
        .find_map(|line| line.trim().strip_prefix("terminationGracePeriodSeconds: ")?.parse().ok());
    assert!(given_s.is_some_and(|given_s: u64| given_s > grace_s), "pods are killed after {given_s:?} s");
    // What the chart insists on is what it ships.
    let insisted: Vec<_> = read("templates/_helpers.tpl")
        .lines()
        .find(|line| line.contains("range $line"))
        .map(|line| line.split('`').skip(1).step_by(2).map(str::to_owned).collect())
        .expect("the list");
    assert_eq!(insisted.len(), 4);
    insisted.iter().for_each(|line| assert!(text.contains(line), "{line}"));
}

#[test]
fn every_variable_that_the_chart_sets_is_one_that_the_program_reads() {
    let sources = [
        "cli/booking/mod.rs",
        "cli/outbox/mod.rs",
        "cli/outbox/transport.rs",
        "config/admin.rs",
        "config/entry/mod.rs",
        "config/store.rs",
    ];
    let sources: String = sources
        .iter()
        .filter_map(|file| fs::read_to_string(format!("{}/src/{file}", env!("CARGO_MANIFEST_DIR"))).ok())
        .collect();
    let mut names = 0;
    for file in ["values.yaml", "templates/booking.yaml", "templates/relay.yaml", "templates/edge.yaml"] {
        let text = fs::read_to_string(format!("{CHART}/{file}")).expect(file);
        let is_of_a_name = |c: char| c.is_ascii_uppercase() || c == '_';
        for name in text.split(|c| !is_of_a_name(c)).filter(|word| word.starts_with("FAIRGATE_")) {
            assert!(sources.contains(&format!("\"{name}\"")), "{file}: {name}");
            names += 1;
        }
    }
    assert!(names > 10, "{names}");
}
