//! The difference between any two configurations leads from one to the other, and names nothing else.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::config::tests::any;

/// What a configuration comes to: everything by its name.
type Model = (
    BTreeMap<String, NetworkConfig>,
    BTreeMap<String, PortConfig>,
);

fn model(config: &Config) -> Model {
    let settled = config.ports.iter().map(|port| config.settled(port));
    (
        networks(config).into_iter().map(by_name).collect(),
        settled.map(by_name).collect(),
    )
}

fn by_name<T: Named>(thing: T) -> (String, T) {
    (thing.name().to_owned(), thing)
}

/// Does what a delta says, one step after another, each of which must be possible.
fn apply<T: Named + std::fmt::Debug>(delta: &Delta<T>, to: &mut BTreeMap<String, T>) {
    let count = to.len();
    for thing in &delta.added {
        assert!(to.insert(thing.name().to_owned(), thing.clone()).is_none());
    }
    for (before, after) in &delta.changed {
        assert_ne!(before, after, "what does not change is left alone");
        let replaced = to.insert(after.name().to_owned(), after.clone());
        assert_eq!(replaced.as_ref(), Some(before));
    }
    for thing in &delta.removed {
        assert_eq!(to.remove(thing.name()).as_ref(), Some(thing));
    }
    let touched = delta.changed.len() + delta.removed.len();
    assert_eq!(delta.unchanged, count - touched);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_leads_from_one_to_the_other(before in any::config(), after in any::config()) {
        let difference = Difference::between(&before, &after);
        let mut reached = model(&before);
        apply(&difference.networks, &mut reached.0);
        apply(&difference.ports, &mut reached.1);
        prop_assert_eq!(reached, model(&after));
    }

    #[test]
    fn a_configuration_does_not_differ_from_itself(config in any::config()) {
        config.judge().unwrap();
        let difference = Difference::between(&config, &config);
        prop_assert!(difference.is_nothing());
        prop_assert_eq!(difference.ports.unchanged, config.ports.len());
    }
}

fn two_ports() -> Config {
    Config {
        ports: vec![PortConfig::named("a"), PortConfig::named("b")],
        ..Config::default()
    }
}

#[test]
fn a_change_names_the_keys_that_are_different() {
    let before = two_ports();
    let mut after = before.clone();
    after.ports[0].policy.dhcp_guard = true;
    after.ports[0].mtu = Some(1500);
    let changes = Difference::between(&before, &after).changes();
    let keys = vec!["dhcp_guard".to_owned(), "mtu".to_owned()];
    assert_eq!(
        changes.ports.changed,
        BTreeMap::from([("a".to_owned(), keys)])
    );
    assert_eq!(changes.ports.unchanged, 1);
}

#[test]
fn what_the_switch_says_is_a_change_of_the_ports_that_it_is_said_for() {
    let mut before = two_ports();
    before.ports[1].mtu = Some(9000);
    let mut after = before.clone();
    after.switch.mtu = Some(1500);
    let changes = Difference::between(&before, &after).changes();
    assert_eq!(changes.ports.changed.keys().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn what_cannot_change_while_the_switch_runs_is_refused() {
    let running = Config::default();
    let mut wanted = running.clone();
    wanted.switch.dir = "/elsewhere".into();
    wanted.switch.idle = switch::Idle::Spin;
    let mistakes = wanted.fixed(&running).unwrap_err();
    assert!(mistakes.0.iter().all(|mistake| mistake.kind == Kind::Fixed));
    assert_eq!(
        mistakes.to_string(),
        "switch.dir: it is  and cannot become /elsewhere while the switch runs: put it back, or restart the switch\n\
         switch.idle: it is adapt and cannot become spin while the switch runs: put it back, or restart the switch"
    );
}
