//! Any configuration that can be, for property tests: few names, so that two of them have much in common.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use switch::WhenFull;
use switch::policy::{
    Action, Bandwidth, Direction, Impairment, IpPrefix, Learning, Mirror, NetworkMode,
    NetworkPolicy, PortPolicy, PortRange, PrivateRole, Rate, Rule, StormLimits, VlanMode, check,
};
use vmq::{Mac, VlanId, VlanTest};

use crate::config::{AddressFilter, Config, Mode, NetworkConfig, PortConfig, SwitchConfig};

const NETWORKS: [&str; 3] = ["default", "lab", "dmz"];
const PORTS: [&str; 5] = ["a", "b", "c", "web-1", "e"];

pub(crate) fn config() -> impl Strategy<Value = Config> {
    let networks = subsequence(&NETWORKS[..], 0..=NETWORKS.len()).prop_flat_map(|names| {
        let network = |name: &str| network(name.to_owned());
        names.into_iter().map(network).collect::<Vec<_>>()
    });
    let ports = subsequence(&PORTS[..], 0..=PORTS.len())
        .prop_shuffle()
        .prop_flat_map(|names| {
            let port = |name: &str| port(name.to_owned());
            names.into_iter().map(port).collect::<Vec<_>>()
        });
    (networks, ports, option::of(68..=9000_u16)).prop_map(|(networks, ports, mtu)| {
        let switch = SwitchConfig {
            dir: "/run/vmq".into(),
            mtu,
            ..SwitchConfig::default()
        };
        consistent(Config {
            switch,
            networks,
            ports,
            ..Config::default()
        })
    })
}

/// Repairs what would be refused: names of what is not there, VLANs where there can be none.
fn consistent(mut config: Config) -> Config {
    let known = config.clone();
    for port in &mut config.ports {
        if known.network_policy(&port.network).is_none() {
            port.network = "default".to_owned();
        }
    }
    let known = config.clone();
    for port in &mut config.ports {
        let network_of = |name: &str| known.port(name).map(|port| port.network.as_str());
        let is_there = |mirror: &Mirror| {
            mirror.to != port.name && network_of(&mirror.to) == Some(port.network.as_str())
        };
        port.policy.mirror = port.policy.mirror.take().filter(is_there);
        let filters: Vec<_> = port.filters.iter().map(|filter| (*filter).into()).collect();
        let mode = known
            .network_policy(&port.network)
            .map(|policy| policy.mode);
        if mode == Some(NetworkMode::Hub) || check(&port.policy, &filters).is_err() {
            port.policy.vlan = VlanMode::Transparent;
        }
        if port.filters.is_empty() {
            port.policy.mac_spoofing = port.policy.mac_spoofing.filter(|may| *may);
        }
    }
    config
}

fn network(name: String) -> impl Strategy<Value = NetworkConfig> {
    let mode = select(vec![NetworkMode::Switch, NetworkMode::Hub]);
    let flags = (any::<bool>(), any::<bool>());
    (mode, flags, 1..1000_u32).prop_map(move |(mode, (link_local, multicast_snooping), age)| {
        let policy = NetworkPolicy {
            mode,
            link_local,
            multicast_snooping,
            max_age_seconds: age,
        };
        let name = name.clone();
        NetworkConfig { name, policy }
    })
}

fn port(name: String) -> impl Strategy<Value = PortConfig> {
    let mode = select(vec![Mode::Server, Mode::Client]);
    let own = name.clone();
    let filters = filters(name.as_bytes()[0]);
    let when_full = option::of(select(vec![WhenFull::Hold, WhenFull::Drop]));
    let settings = (filters, option::of(68..=9000_u16), when_full);
    (
        select(&NETWORKS[..]),
        mode,
        any::<bool>(),
        settings,
        policy(),
    )
        .prop_map(
            move |(network, mode, has_socket, (filters, mtu, when_full), policy)| PortConfig {
                network: network.to_owned(),
                mode,
                socket: has_socket.then(|| format!("x/{own}.sock").into()),
                filters,
                mtu,
                when_full,
                policy,
                ..PortConfig::named(&own)
            },
        )
}

/// A port's own addresses: no other has them.
fn filters(port: u8) -> impl Strategy<Value = Vec<AddressFilter>> {
    let vlan = prop_oneof![
        Just(VlanTest::Any),
        Just(VlanTest::UntaggedOrZero),
        vlan().prop_map(VlanTest::Id),
    ];
    let one = move |last: u8| {
        vlan.clone().prop_map(move |vlan| AddressFilter {
            mac: Mac([0x52, 0x54, 0, 0, port, last]),
            vlan,
        })
    };
    subsequence(vec![1, 2, 3], 0..=3)
        .prop_flat_map(move |last| last.into_iter().map(&one).collect::<Vec<_>>())
}

fn vlan() -> impl Strategy<Value = VlanId> + Clone {
    (1..=4094_u16).prop_map(VlanId)
}

fn policy() -> impl Strategy<Value = PortPolicy> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let addresses = option::of(prop::collection::vec(prefix(), 0..3));
    let lists = (addresses, prop::collection::vec(rule(), 0..3));
    let mirror = option::of((select(&PORTS[..]), direction()));
    let amounts = (bandwidth(), storm(), learning(), impairment());
    let maybe = (option::of(any::<bool>()), option::of(any::<bool>()));
    (vlan_mode(), flags, maybe, lists, mirror, amounts).prop_map(
        |(vlan, (isolated, dhcp_guard, router_guard), maybe, lists, mirror, amounts)| {
            let (link_local, mac_spoofing) = maybe;
            let (bandwidth, storm, learning, impairment) = amounts;
            let mirror = mirror.map(|(to, direction)| Mirror {
                to: to.to_owned(),
                direction,
            });
            PortPolicy {
                vlan,
                isolated,
                link_local,
                mac_spoofing,
                dhcp_guard,
                router_guard,
                allowed_addresses: lists.0,
                rules: lists.1,
                bandwidth,
                storm,
                mirror,
                learning,
                impairment,
            }
        },
    )
}

fn vlan_mode() -> impl Strategy<Value = VlanMode> {
    let role = prop_oneof![
        Just(PrivateRole::Isolated),
        (2000..3000_u16).prop_map(|id| PrivateRole::Community(VlanId(id))),
        Just(PrivateRole::Promiscuous),
    ];
    let trunk = (1..4000_u16, 0..90_u16, any::<bool>()).prop_map(|(first, more, is_native)| {
        let allowed = format!("{first}-{}", first + more).parse();
        VlanMode::Trunk {
            allowed: allowed.expect("a range of VLANs"),
            native: is_native.then_some(VlanId(first)),
        }
    });
    prop_oneof![
        Just(VlanMode::Transparent),
        Just(VlanMode::Untagged),
        vlan().prop_map(VlanMode::Access),
        trunk,
        (1..1000_u16, role).prop_map(|(primary, role)| VlanMode::Private {
            primary: VlanId(primary),
            role
        }),
    ]
}

fn prefix() -> impl Strategy<Value = IpPrefix> {
    let text = select(vec!["10.0.0.0/8", "192.168.1.7", "2001:db8::/32", "::1"]);
    text.prop_map(|text| text.parse().expect("a prefix"))
}

fn direction() -> impl Strategy<Value = Direction> {
    select(vec![
        Direction::Both,
        Direction::FromGuest,
        Direction::ToGuest,
    ])
}

fn rule() -> impl Strategy<Value = Rule> {
    let action = select(vec![Action::Allow, Action::Deny]);
    let port = option::of(any::<(u16, u16)>());
    (action, direction(), option::of(prefix()), port).prop_map(
        |(action, direction, remote_address, port)| Rule {
            action,
            direction,
            local_mac: None,
            remote_mac: Some(Mac([2, 0, 0, 0, 0, 1])),
            local_address: None,
            remote_address,
            protocol: port.map(|_| 6),
            local_port: None,
            remote_port: port.map(|(a, b)| PortRange {
                first: a.min(b),
                last: a.max(b),
            }),
        },
    )
}

fn bandwidth() -> impl Strategy<Value = Bandwidth> {
    let rate = || {
        (option::of(10_000..=1_000_000_000_u64), any::<bool>()).prop_map(|(maximum, has_burst)| {
            let burst = maximum.filter(|_| has_burst).map(|rate| 100_000 + rate / 8);
            Rate { maximum, burst }
        })
    };
    (rate(), rate(), option::of(1..=100_u8)).prop_map(|(from_guest, to_guest, minimum_weight)| {
        Bandwidth {
            from_guest,
            to_guest,
            minimum_weight,
        }
    })
}

fn storm() -> impl Strategy<Value = StormLimits> {
    let limit = || option::of(0..100_000_u32);
    (limit(), limit(), limit()).prop_map(|(broadcast, multicast, unknown_unicast)| StormLimits {
        broadcast,
        multicast,
        unknown_unicast,
    })
}

fn learning() -> impl Strategy<Value = Learning> {
    (option::of(0..1000_u32), any::<bool>())
        .prop_map(|(limit, no_moves)| Learning { limit, no_moves })
}

fn impairment() -> impl Strategy<Value = Impairment> {
    let percent = || (0..=400_u32).prop_map(|quarters| f64::from(quarters) / 4.0);
    (0..1000_u32, percent(), percent(), 0..=i64::MAX as u64).prop_map(
        |(delay, loss_percent, duplicate_percent, seed)| Impairment {
            delay_ms: f64::from(delay) / 8.0,
            jitter_ms: f64::from(delay) / 16.0,
            loss_percent,
            duplicate_percent,
            seed,
            ..Impairment::default()
        },
    )
}
