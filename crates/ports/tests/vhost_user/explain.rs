//! What an explanation says is what happens, and asking for one changes nothing.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use switch::explain::{ExplainError, Explanation, Fate, Fields, Form, Known, Step};
use switch::offload::{Checksum, Cutting, Kind, Offload};
use switch::policy::{
    Action, Direction, Mirror, NetworkMode, NetworkPolicy, PortPolicy, PrivateRole, Rule, VlanMode,
    Way,
};
use switch::{DropReason, Idle, NetworkId, PortId, PortSettings, Status};
use testkit::guest::GuestOptions;
use testkit::packets::{
    ARP, Extension, ICMPV6, IPV4, IPV6, Ipv4, UDP, arp, dhcp, ethernet, ipv6, router_advertisement,
    tcp, udp,
};
use vmq::{Filter, Mac, VlanId, VlanTest};

use crate::bench::{Bench, Machine};
use crate::traffic::{A, B, frame};

const PORTS: usize = 4;
const STATIONS: u8 = 5;
const VLANS: [u16; 2] = [10, 11];

fn station(number: u8) -> [u8; 6] {
    [0x52, 0x54, 0, 0, 0, number]
}

#[derive(Clone, Debug)]
enum Next {
    Send(usize, Vec<u8>),
    Change(usize, Box<PortSettings>),
    Network(NetworkPolicy),
}

fn vlans() -> impl Strategy<Value = VlanMode> {
    let vlan = || prop::sample::select(VLANS.to_vec()).prop_map(VlanId);
    let role = prop_oneof![
        Just(PrivateRole::Isolated),
        Just(PrivateRole::Community(VlanId(500))),
        Just(PrivateRole::Promiscuous),
    ];
    prop_oneof![
        3 => Just(VlanMode::Transparent),
        1 => Just(VlanMode::Untagged),
        2 => vlan().prop_map(VlanMode::Access),
        2 => option::of(vlan()).prop_map(|native| VlanMode::Trunk { allowed: "10-11".parse().unwrap(), native }),
        1 => role.prop_map(|role| VlanMode::Private { primary: VlanId(10), role }),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let action = prop_oneof![Just(Action::Allow), Just(Action::Deny)];
    let direction = prop_oneof![
        Just(Direction::Both),
        Just(Direction::FromGuest),
        Just(Direction::ToGuest)
    ];
    let mac = option::weighted(0.3, (0..STATIONS).prop_map(|number| Mac(station(number))));
    let protocol = option::weighted(0.5, prop::sample::select(vec![UDP, 6]));
    let port = option::weighted(0.4, prop::sample::select(vec!["67", "80", "1-100"]));
    (action, direction, mac, protocol, port).prop_map(
        |(action, direction, remote_mac, protocol, port)| Rule {
            action,
            direction,
            local_mac: None,
            remote_mac,
            local_address: None,
            remote_address: None,
            protocol,
            local_port: None,
            remote_port: port
                .filter(|_| protocol.is_some())
                .map(|port| port.parse().unwrap()),
        },
    )
}

/// Settings of port `at`, whose machine may have the station of that number as its own.
fn settings(at: usize) -> impl Strategy<Value = PortSettings> {
    let guards = (
        any::<bool>(),
        any::<bool>(),
        option::weighted(0.3, Just("10.0.0.0/24")),
    );
    let mirror = option::weighted(0.2, 0..PORTS).prop_map(move |to| to.filter(|to| *to != at));
    let has_address = proptest::bool::weighted(0.4);
    let mtu = option::weighted(0.3, Just(100));
    let isolated = proptest::bool::weighted(0.2);
    (
        vlans(),
        isolated,
        guards,
        vec(rule(), 0..3),
        mirror,
        has_address,
        mtu,
    )
        .prop_map(
            move |(
                vlan,
                isolated,
                (dhcp_guard, router_guard, allowed),
                rules,
                mirror,
                has_address,
                mtu,
            )| {
                let filter = Filter {
                    mac: Mac(station(at as u8)),
                    vlan: VlanTest::Any,
                };
                PortSettings {
                    filters: if has_address { vec![filter] } else { vec![] },
                    mtu,
                    policy: PortPolicy {
                        vlan,
                        isolated,
                        dhcp_guard,
                        router_guard,
                        allowed_addresses: allowed.map(|prefix| vec![prefix.parse().unwrap()]),
                        rules,
                        mirror: mirror.map(|to| Mirror {
                            to: format!("p{to}"),
                            direction: Direction::Both,
                        }),
                        ..PortPolicy::default()
                    },
                    ..PortSettings::default()
                }
            },
        )
}

fn frames() -> impl Strategy<Value = Vec<u8>> {
    let to = prop_oneof![
        4 => (0..STATIONS).prop_map(station),
        2 => Just([0xff; 6]),
        1 => Just([0x01, 0x80, 0xc2, 0, 0, 0x0e]),
    ];
    let tag = prop::sample::select(vec![0u16, 0xe000, 10, 0x600b, 12]);
    let tags = prop_oneof![2 => Just(vec![]), 1 => vec((Just(0x8100u16), tag), 1..3)];
    let [own, other] = [[10, 0, 0, 1], [192, 168, 0, 1]].map(Ipv4Addr::from);
    let source = prop_oneof![Just(own), Just(other)];
    let port = || prop::sample::select(vec![67u16, 68, 80, 443]);
    let content = prop_oneof![
        (source.clone(), port(), port(), 0..120usize).prop_map(move |(from, source, to, len)| {
            let message = [dhcp(2), vec![0; len]].concat();
            (
                IPV4,
                Ipv4::new(from, other, UDP).packet(&udp(source, to, &message[..len + 1])),
            )
        }),
        (source.clone(), port())
            .prop_map(move |(from, to)| (IPV4, Ipv4::new(from, other, 6).packet(&tcp(9, to)))),
        source.prop_map(|sender| (ARP, arp(2, (station(0), sender), ([0; 6], sender)))),
        prop_oneof![Just(vec![]), Just(vec![Extension::Plain(60, 20)])].prop_map(|extensions| {
            let message = router_advertisement();
            let [from, to] = [1, 2].map(|last| Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last));
            (IPV6, ipv6(from, to, &extensions, ICMPV6, &message))
        }),
        Just((0x88b5, vec![5; 60])),
    ];
    (to, 0..STATIONS, tags, content).prop_map(|(to, from, tags, (ether_type, packet))| {
        ethernet(to, station(from), &tags, ether_type, &packet)
    })
}

fn nexts() -> impl Strategy<Value = Vec<Next>> {
    let send = (0..PORTS, frames()).prop_map(|(port, frame)| Next::Send(port, frame));
    let change = (0..PORTS).prop_flat_map(|port| {
        settings(port).prop_map(move |settings| Next::Change(port, Box::new(settings)))
    });
    let network =
        (proptest::bool::weighted(0.3), any::<bool>()).prop_map(|(is_hub, link_local)| {
            Next::Network(NetworkPolicy {
                mode: if is_hub {
                    NetworkMode::Hub
                } else {
                    NetworkMode::Switch
                },
                link_local,
                ..NetworkPolicy::default()
            })
        });
    vec(prop_oneof![12 => send, 3 => change, 1 => network], 10..60)
}

/// Drops by port and reason, and rules' frames by port, rule and way.
type Counts = (Vec<Vec<u64>>, Vec<Vec<[u64; 2]>>);

fn counts(status: &Status) -> Counts {
    let drops = status.ports.iter().map(|port| port.totals.drops.to_vec());
    let rules = status.ports.iter().map(|port| {
        let rules = port.rules.iter().map(|rule| rule.totals);
        { rules }
            .map(|totals| [totals.from_guest.frames, totals.to_guest.frames])
            .collect()
    });
    (drops.collect(), rules.collect())
}

fn port(name: &str) -> usize {
    name[1..].parse().unwrap()
}

/// What is to be counted after the frame, if what is said is right.
fn predict((mut drops, mut rules): Counts, explanation: &Explanation) -> Counts {
    let mut note = |port: usize, dropped: Option<DropReason>, steps: &[Step]| {
        if let Some(reason) = dropped {
            drops[port][reason as usize] += 1;
        }
        for step in steps {
            if let Step::Rules {
                way,
                ruling: Some(ruling),
            } = step
            {
                rules[port][ruling.rule as usize][usize::from(*way == Way::ToGuest)] += 1;
            }
        }
    };
    note(
        port(&explanation.port),
        explanation.dropped,
        &explanation.steps,
    );
    for receiver in &explanation.receivers {
        let dropped = match receiver.fate {
            Fate::Dropped(reason) => Some(reason),
            Fate::Delivered | Fate::NotMeant => None,
        };
        note(port(&receiver.port), dropped, &receiver.steps);
    }
    (drops, rules)
}

/// The frame as a receiver is said to get it.
fn formed(sent: &[u8], steps: &[Step]) -> Vec<u8> {
    let form = steps.iter().find_map(|step| match step {
        Step::Form(form) => Some(*form),
        _ => None,
    });
    let mut frame = sent.to_vec();
    match form {
        None | Some(Form::AsSent) => {}
        Some(Form::Untagged) => drop(frame.drain(12..16)),
        Some(Form::Tagged(tci)) => {
            let had = [[0x81, 0], [0x88, 0xa8]].contains(&[frame[12], frame[13]]);
            let kind = if had {
                [frame[12], frame[13]]
            } else {
                [0x81, 0]
            };
            let tag = [&kind[..], &tci.to_be_bytes()].concat();
            frame.splice(12..if had { 16 } else { 12 }, tag);
        }
    }
    frame
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_said_is_what_happens(first in (settings(0), settings(1), settings(2), settings(3)), nexts in nexts()) {
        let settings = vec![first.0, first.1, first.2, first.3];
        let bench = Bench::with_ports(2, Idle::Adapt, settings);
        let mut machines: Vec<Machine> = (0..PORTS).map(|port| bench.attach(port, GuestOptions::default())).collect();
        for next in nexts {
            let (from, frame) = match next {
                Next::Send(from, frame) => (from, frame),
                Next::Change(port, settings) => {
                    // What cannot be in this network is refused, and nothing changes.
                    let _ = bench.switch.set_port(PortId(port as u16), *settings);
                    continue;
                }
                Next::Network(policy) => {
                    let _ = bench.switch.set_network(NetworkId::DEFAULT, policy);
                    continue;
                }
            };
            let explain = || bench.switch.explain(PortId(from as u16), &frame, None).unwrap();
            let before = bench.switch.status();
            let explanation = explain();
            let after = bench.switch.status();
            prop_assert_eq!(format!("{:?}", before.ports), format!("{:?}", after.ports), "asking changed something");

            machines[from].send_all([&frame[..]]);
            let taken = before.ports[from].totals.from_guest_frames + 1;
            bench.wait_for(from, |port| port.totals.from_guest_frames == taken);
            let mut expected = vec![vec![]; PORTS];
            for receiver in &explanation.receivers {
                if receiver.fate == Fate::Delivered {
                    expected[port(&receiver.port)].push(formed(&frame, &receiver.steps));
                }
            }
            for (at, expected) in expected.iter_mut().enumerate() {
                let mut arrived = machines[at].receive(expected.len());
                arrived.sort();
                expected.sort();
                prop_assert_eq!(&arrived, &*expected, "port {}: {}", at, explanation);
            }
            let counted = counts(&bench.switch.status());
            prop_assert_eq!(counted, predict(counts(&before), &explanation), "{}", explanation);
            // What is to be learnt is learnt, and known to all workers before the next frame.
            if explanation.steps.iter().any(|step| matches!(step, Step::Source(Known::New | Known::Moves(_)))) {
                let end = std::time::Instant::now() + crate::bench::PATIENCE;
                while !explain().steps.contains(&Step::Source(Known::Learnt)) {
                    prop_assert!(std::time::Instant::now() < end, "{}", explain());
                    std::thread::sleep(std::time::Duration::from_micros(200));
                }
                bench.switch.release(Vec::new());
            }
            machines[from].guest.from_guest.reclaim();
        }
        machines.iter_mut().for_each(Machine::receives_nothing);
    }
}

fn fields(text: &str) -> Vec<u8> {
    text.parse::<Fields>().unwrap().frame(Some(Mac(A))).unwrap()
}

#[test]
fn an_explanation_reads_like_this() {
    let web = Rule {
        direction: Direction::ToGuest,
        protocol: Some(6),
        local_port: Some("80".parse().unwrap()),
        ..Rule::any(Action::Deny)
    };
    let own = |mac, policy| PortSettings {
        filters: vec![Filter {
            mac: Mac(mac),
            vlan: VlanTest::Any,
        }],
        policy,
        ..PortSettings::default()
    };
    let guarded = PortPolicy {
        vlan: VlanMode::Access(VlanId(10)),
        dhcp_guard: true,
        ..PortPolicy::default()
    };
    let trunk = PortPolicy {
        vlan: VlanMode::Trunk {
            allowed: "10-20".parse().unwrap(),
            native: None,
        },
        rules: vec![web],
        ..PortPolicy::default()
    };
    let ports = vec![own(A, guarded), own(B, trunk), PortSettings::default()];
    let bench = Bench::with_ports(1, Idle::Adapt, ports);
    // Nobody needs to be there to be asked about.
    let explain = |text: &str| {
        let frame = fields(text);
        bench
            .switch
            .explain(PortId(0), &frame, None)
            .unwrap()
            .to_string()
    };
    let _b = bench.attach(1, GuestOptions::default());
    let words = "src=10.0.0.1 dst=10.0.0.2 protocol=tcp dport=80 to=02:00:00:00:00:0b";
    assert_eq!(
        explain(words),
        "from p0\n\
        \x20 machine: none runs at the port\n\
        \x20 guards: let it pass\n\
        \x20 vlan: 10, sent without a tag\n\
        \x20 destination: filter 2 leads to queue 2, port p1\n\
        to p1\n\
        \x20 tag: 10, priority 0\n\
        \x20 rules for what it receives: rule 0 denies it\n\
        \x20 dropped: denied\n"
    );
    assert_eq!(
        explain("src=10.0.0.1 dst=255.255.255.255 sport=67 dport=68"),
        "from p0\n\
        \x20 machine: none runs at the port\n\
        \x20 guards: the DHCP guard does not let it pass\n\
        \x20 dropped: dhcp-guard\n"
    );
    assert_eq!(
        explain("from=02:00:00:00:00:0b arp=request"),
        "from p0\n\
        \x20 machine: none runs at the port\n\
        \x20 guards: let it pass\n\
        \x20 vlan: 10, sent without a tag\n\
        \x20 guards: the MAC-spoofing guard does not let it pass\n\
        \x20 dropped: mac-spoofing\n"
    );
    assert_eq!(
        explain("fragment=later src=10.0.0.1 dst=10.0.0.2 protocol=tcp"),
        "from p0\n\
        \x20 machine: none runs at the port\n\
        \x20 guards: let it pass\n\
        \x20 vlan: 10, sent without a tag\n\
        \x20 destination: a group, or known to nobody: to everybody\n\
        to p1\n\
        \x20 tag: 10, priority 0\n\
        \x20 rules for what it receives: none matches, it passes\n\
        \x20 delivered, if there are buffers\n"
    );
}

#[test]
fn work_left_undone_is_explained_too() {
    let mtu = PortSettings {
        mtu: Some(1500),
        ..PortSettings::default()
    };
    let bench = Bench::with_ports(1, Idle::Adapt, vec![mtu, PortSettings::default()]);
    let [_a, _b] = [0, 1].map(|port| bench.attach(port, GuestOptions::default()));
    let frame = fields("src=10.0.0.1 dst=10.0.0.2 protocol=tcp length=9054");
    let offload = |start| Offload {
        checksum: Checksum { start, offset: 16 },
        cutting: Some(Cutting {
            kind: Kind::Tcp4,
            mss: 1000,
        }),
    };
    let explain = |undone| bench.switch.explain(PortId(0), &frame, undone).unwrap();
    let cut = explain(Some(offload(34)));
    assert_eq!(cut.dropped, None);
    assert_eq!(cut.receivers[0].steps[1..], [Step::Finished { frames: 9 }]);
    assert_eq!(cut.receivers[0].fate, Fate::Delivered);
    // Its headers are elsewhere.
    assert_eq!(
        explain(Some(offload(40))).dropped,
        Some(DropReason::BadOffload)
    );
    let whole = explain(None);
    let exceeded = Step::Mtu {
        mtu: 1500,
        is_exceeded: true,
    };
    assert_eq!(
        (whole.dropped, &whole.steps[..]),
        (Some(DropReason::MtuExceeded), &[exceeded][..])
    );
}

#[test]
fn a_receiver_of_several_rings_is_explained_by_the_hash() {
    let bench = Bench::new(1, 2);
    let _a = bench.attach(0, GuestOptions::default());
    let _b = bench.attach(
        1,
        GuestOptions {
            pairs: 4,
            ..GuestOptions::default()
        },
    );
    let ring = |frame: &[u8]| {
        let explanation = bench.switch.explain(PortId(0), frame, None).unwrap();
        explanation.receivers[0].steps[1].clone()
    };
    // Microsoft's verification suite has this flow and this hash.
    let flow = fields("src=66.9.149.187 dst=161.142.100.80 protocol=tcp sport=2794 dport=1766");
    let told = Step::Ring {
        ring: (0x51cc_c178 % 4) as u8,
        hash: Some(0x51cc_c178),
    };
    assert_eq!(ring(&flow), told);
    assert_eq!(
        ring(&fields("")),
        Step::Ring {
            ring: 0,
            hash: None
        }
    );
}

#[test]
fn what_cannot_be_asked_is_said() {
    let bench = Bench::new(1, 1);
    let ask = |port, len| bench.switch.explain(PortId(port), &vec![0; len], None);
    assert_eq!(ask(7, 60), Err(ExplainError::UnknownPort(7)));
    assert_eq!(ask(0, 65_555), Err(ExplainError::TooLong(65_555)));
    for len in [0, 13] {
        assert_eq!(ask(0, len).unwrap().dropped, Some(DropReason::Runt));
    }
    let alone = bench
        .switch
        .explain(PortId(0), &frame(B, A, 1, 60), None)
        .unwrap();
    assert_eq!(alone.dropped, Some(DropReason::NoReceiver));
}
