//! What runs is what was asked for, after any change; and what a change does not name does not notice it.

mod files;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use switch::policy::VlanMode;
use switch::{News, Occurrence};
use tempfile::TempDir;
use testkit::frames::{Arrivals, Builder, check};
use testkit::frontend::Frontend;
use testkit::guest::{Guest, GuestOptions};
use vmq::{Mac, VlanId, VlanTest};

use super::*;
use crate::config::tests::any;
use crate::config::{AddressFilter, Kind, Mode, NetworkConfig, PortConfig, SwitchConfig};

/// How long a step may take before the test has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A switch in a directory of its own.
struct Lab {
    live: Live,
    scratch: TempDir,
}

impl Lab {
    fn new(ports: Vec<PortConfig>) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        fs::create_dir(scratch.path().join("x")).unwrap();
        let config = Config {
            switch: SwitchConfig {
                dir: scratch.path().to_path_buf(),
                ..SwitchConfig::default()
            },
            ports,
            ..Config::default()
        };
        let live = Live::start(config, None).unwrap();
        Self { live, scratch }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Changes what runs.
    fn edit(&self, edit: impl FnOnce(&mut Config)) -> Result<Changes, Mistakes> {
        let changed = self.live.change(|config| {
            edit(config);
            Ok::<_, Mistakes>(())
        });
        changed.map(|((), changes)| changes)
    }

    /// What the switch itself says, by the names of its ports: network, filters and whether a VMM is there.
    fn observed(&self) -> BTreeMap<String, (String, Vec<String>, bool)> {
        let status = self.live.switch.status();
        let ports = status.ports.into_iter().map(|port| {
            let mut filters: Vec<_> = port.queue.filters.iter().map(|f| f.mac.clone()).collect();
            filters.sort();
            (port.name, (port.network, filters, port.is_connected))
        });
        ports.collect()
    }

    /// What the switch says once that is what is expected of `config`, or when patience is at its end. A port that connected to a path on which
    /// it is now to listen may have met itself there for a moment.
    fn settled(&self, config: &Config) -> BTreeMap<String, (String, Vec<String>, bool)> {
        let end = Instant::now() + PATIENCE;
        loop {
            let observed = self.observed();
            if observed == expected(config) || Instant::now() > end {
                return observed;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// The names of the sockets.
    fn sockets(&self) -> Vec<PathBuf> {
        let listed = |dir: &Path| -> Vec<PathBuf> {
            let entries = fs::read_dir(dir).unwrap();
            let paths = entries.map(|entry| entry.unwrap().path());
            paths.filter(|path| !path.is_dir()).collect()
        };
        let mut all = listed(self.scratch.path());
        all.extend(listed(&self.path("x")));
        all.sort();
        all
    }
}

/// What should be observed of a configuration.
fn expected(config: &Config) -> BTreeMap<String, (String, Vec<String>, bool)> {
    let ports = config.ports.iter().map(|port| {
        let mut filters: Vec<_> = port.filters.iter().map(|f| f.mac.to_string()).collect();
        filters.sort();
        (port.name.clone(), (port.network.clone(), filters, false))
    });
    ports.collect()
}

fn server_sockets(config: &Config) -> Vec<PathBuf> {
    let servers = config.ports.iter().filter(|port| port.mode == Mode::Server);
    let mut paths: Vec<_> = servers.map(|port| config.socket(port)).collect();
    paths.sort();
    paths
}

fn named(names: &[&str]) -> Vec<PortConfig> {
    names.iter().map(|name| PortConfig::named(name)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_change_leads_to_what_was_asked_for(configs in prop::collection::vec(any::config(), 1..5)) {
        let lab = Lab::new(Vec::new());
        for config in configs {
            let mut wanted = config;
            wanted.switch.dir = lab.scratch.path().to_path_buf();
            lab.live.apply(wanted.clone()).unwrap();
            prop_assert_eq!(lab.settled(&wanted), expected(&wanted));
            prop_assert_eq!(lab.sockets(), server_sockets(&wanted));
            let networks = lab.live.switch.status().networks;
            let policies = networks.iter().map(|network| (&network.name, &network.policy));
            for (name, policy) in policies {
                prop_assert_eq!(wanted.network_policy(name), Some(policy.clone()));
            }
            let is_there = |name: &str| networks.iter().any(|found| found.name == name);
            let are_there = wanted.networks.iter().all(|network| is_there(&network.name));
            prop_assert!(are_there);
        }
    }
}

#[test]
fn what_is_wrong_changes_nothing() {
    let lab = Lab::new(named(&["a", "b"]));
    let before = (lab.observed(), lab.sockets(), lab.live.config());
    let _foreign = std::os::unix::net::UnixListener::bind(lab.path("z.sock")).unwrap();
    let refused = lab
        .edit(|config| {
            config.ports.remove(0);
            config.ports[0].policy.dhcp_guard = true;
            config.ports.extend(named(&["c", "z"]));
        })
        .unwrap_err();
    assert_eq!(refused.0[0].kind, Kind::System);
    let text = refused.to_string();
    assert!(
        text.starts_with("port `z`: socket: another program listens on "),
        "{text}"
    );
    let meaningless = lab
        .edit(|config| config.ports[0].mtu = Some(3))
        .unwrap_err();
    assert_eq!(meaningless.0[0].kind, Kind::Wrong);
    let elsewhere = lab.edit(|config| config.switch.dir = "/elsewhere".into());
    assert_eq!(elsewhere.unwrap_err().0[0].kind, Kind::Fixed);
    fs::remove_file(lab.path("z.sock")).unwrap();
    assert_eq!((lab.observed(), lab.sockets(), lab.live.config()), before);
}

/// Every step but the last is possible, and is undone.
#[test]
fn a_change_that_fails_at_its_end_is_undone_whole() {
    let mut ports = named(&["a", "b", "c"]);
    ports[0].filters = vec![AddressFilter {
        mac: Mac([2, 0, 0, 0, 0, 9]),
        vlan: VlanTest::Any,
    }];
    let lab = Lab::new(ports);
    let before = (lab.observed(), lab.sockets());
    let running = lab.live.config();
    let mut wanted = Config::clone(&running);
    let lab_network = NetworkConfig {
        name: "lab".to_owned(),
        ..NetworkConfig::default()
    };
    let mut default = lab_network.clone();
    default.name = "default".to_owned();
    default.policy.max_age_seconds = 7;
    wanted.networks = vec![lab_network, default];
    wanted.ports[0].filters.clear();
    wanted.ports[0].policy.dhcp_guard = true;
    wanted.ports[1].network = "lab".to_owned();
    // Not judged, so that the switch is the one to refuse it.
    wanted.ports[2].network = "nowhere".to_owned();
    wanted.ports.push(PortConfig::named("d"));
    let difference = Difference::between(&running, &wanted);
    let made = Change::new(&lab.live.switch, &mut lab.live.running(), &wanted).make(&difference);
    let mistakes = made.unwrap_err();
    assert_eq!(
        mistakes.to_string(),
        "port `c`: name: there is no network 65535"
    );
    assert_eq!((lab.observed(), lab.sockets()), before);
    let status = lab.live.switch.status();
    assert_eq!(status.networks.len(), 1);
    assert_eq!(status.networks[0].policy, Default::default());
    lab.live.apply(Config::clone(&running)).unwrap();
    for port in ["a", "b", "c"] {
        Frontend::connect(lab.path(&format!("{port}.sock")), PATIENCE).unwrap();
    }
}

/// Every frame of a guest on port `a` arrives at one on port `b` while `change` changes other ports, and neither notices.
fn check_unharmed(lab: &Lab, change: impl FnOnce() + Send) {
    let config = lab.live.config();
    let attach = |name: &str| {
        let guest = Guest::new(GuestOptions::default()).unwrap();
        let path = config.socket(config.port(name).unwrap());
        let mut frontend = Frontend::connect(path, PATIENCE).unwrap();
        frontend.attach(&guest).unwrap();
        (guest, frontend)
    };
    let (mut a, _a) = attach("a");
    let (mut b, _b) = attach("b");
    let mut events = lab.live.events();
    let (from, to) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let is_over = AtomicBool::new(false);
    let arrived = thread::scope(|scope| {
        let changes = scope.spawn(|| {
            change();
            is_over.store(true, Ordering::Relaxed);
        });
        let mut arrivals = Arrivals::default();
        let mut sent = 0;
        let mut frame = Vec::new();
        // No more at a time than there are buffers: so none waits for anything but the switch.
        while !is_over.load(Ordering::Relaxed) && !changes.is_finished() {
            for _ in 0..32 {
                Builder::new(to, from).write(sent, &mut frame);
                assert!(a.send(&frame));
                sent += 1;
            }
            a.flush();
            while arrivals.frames < sent {
                if b.receive(&mut frame) {
                    arrivals.saw(check(&frame).unwrap().sequence);
                } else {
                    assert!(b.wait(PATIENCE), "{arrivals:?} of {sent}");
                }
            }
            b.flush();
        }
        changes.join().unwrap();
        assert!(
            sent > 0 && arrivals.are_complete(sent),
            "{arrivals:?} of {sent}"
        );
        arrivals.frames
    });
    let port = |name: &str| lab.live.status().port(name).unwrap().clone();
    // The last of them are counted when the turn that brought them is over.
    let deadline = Instant::now() + PATIENCE;
    while port("a").counters.from_guest.frames < arrived && Instant::now() < deadline {
        thread::yield_now();
    }
    assert_eq!(port("a").counters.from_guest.frames, arrived);
    assert!(port("a").is_up && port("b").is_up);
    let News { missed, events } = events.take(usize::MAX);
    assert_eq!(missed, 0);
    for Occurrence { event, .. } in events {
        let event = serde_json::to_value(event).unwrap();
        let is_of_other = event["port"] != "a" && event["port"] != "b";
        assert!(is_of_other || event["kind"] == "address_learned", "{event}");
    }
}

#[test]
fn a_port_whose_settings_do_not_change_does_not_lose_a_frame() {
    let lab = Lab::new(named(&["a", "b", "c"]));
    check_unharmed(&lab, || {
        for round in 0..60_u16 {
            let name = format!("n{round}");
            lab.edit(|config| {
                let port = &mut config.ports[2];
                port.policy.vlan = VlanMode::Access(VlanId(round + 1));
                port.mtu = Some(1000 + round);
                if round % 3 == 0 {
                    port.network = "default".to_owned();
                }
                config
                    .networks
                    .retain(|network| round % 3 != 0 || !network.name.starts_with('n'));
                if round % 3 == 1 {
                    let policy = Default::default();
                    config.networks.push(NetworkConfig {
                        name: name.clone(),
                        policy,
                    });
                    config.ports[2].network = name.clone();
                }
                config.ports.truncate(3);
                if round % 2 == 0 {
                    config.ports.push(PortConfig::named("d"));
                }
            })
            .unwrap();
        }
    });
}

#[test]
fn a_socket_stays_while_the_port_behind_it_becomes_another() {
    let lab = Lab::new(named(&["a", "b"]));
    let inode = |name: &str| fs::symlink_metadata(lab.path(name)).unwrap().ino();
    let before = [inode("a.sock"), inode("b.sock")];
    // Two ports change their sockets, and then their names.
    lab.edit(|config| {
        config.ports[0].socket = Some("b.sock".into());
        config.ports[1].socket = Some("a.sock".into());
    })
    .unwrap();
    assert_eq!([inode("a.sock"), inode("b.sock")], before);
    let guest = Guest::new(GuestOptions::default()).unwrap();
    let mut frontend = Frontend::connect(lab.path("b.sock"), PATIENCE).unwrap();
    frontend.attach(&guest).unwrap();
    assert!(lab.live.status().port("a").unwrap().is_connected);
    let changes = lab
        .edit(|config| config.ports[0].name = "new".to_owned())
        .unwrap();
    assert_eq!(changes.ports.added, ["new"]);
    assert_eq!(changes.ports.removed, ["a"]);
    assert_eq!([inode("a.sock"), inode("b.sock")], before);
    assert!(frontend.wait_closed(PATIENCE), "its port is another");
}

#[test]
fn a_change_says_what_it_did() {
    let lab = Lab::new(named(&["a", "b", "c"]));
    let changes = lab
        .edit(|config| {
            config.ports.remove(0);
            config.ports[0].policy.isolated = true;
            config.ports.extend(named(&["d"]));
        })
        .unwrap();
    assert_eq!(
        changes.to_string(),
        "ports: d added, b changed (isolated), a removed, 1 unchanged"
    );
    assert_eq!(lab.edit(|_| {}).unwrap().to_string(), "nothing changed");
}
