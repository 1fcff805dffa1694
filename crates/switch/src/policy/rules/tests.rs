//! Rules against a naive evaluator that knows what is in the frame because it was put there.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use testkit::packets::{self, Extension, Ipv4, arp, ethernet, ipv6, tcp, udp};

use super::*;
use crate::policy::packet::tests::frames;

const STATIONS: [Mac; 3] = [
    Mac([2, 0, 0, 0, 0, 1]),
    Mac([2, 0, 0, 0, 0, 2]),
    Mac([0xff; 6]),
];
const SCTP: u8 = 132;
const PORTS: [u16; 3] = [22, 80, 443];

/// What is in a frame.
#[derive(Clone, Debug)]
struct Known {
    from: Mac,
    to: Mac,
    tags: usize,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Arp,
    Lldp,
    Ip {
        from: IpAddr,
        to: IpAddr,
        protocol: u8,
        ports: (u16, u16),
        part: Piece,
        /// Bytes of the frame that are there.
        cut: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Whole,
    First,
    Later,
}

impl Known {
    fn frame(&self) -> Vec<u8> {
        let tags = vec![(0x8100, 7); self.tags];
        let build = |kind, packet: &[u8]| ethernet(self.to.0, self.from.0, &tags, kind, packet);
        match self.what {
            What::Arp => {
                let nobody = ([0; 6], Ipv4Addr::new(10, 0, 0, 1));
                build(packets::ARP, &arp(1, nobody, nobody))
            }
            What::Lldp => build(0x88cc, &[0; 46]),
            What::Ip {
                from,
                to,
                protocol,
                ports: (source, destination),
                part,
                cut,
            } => {
                let payload = match protocol {
                    packets::TCP => tcp(source, destination),
                    packets::UDP | SCTP => udp(source, destination, &[1; 12]),
                    _ => vec![8; 20],
                };
                let mut frame = match (from, to) {
                    (IpAddr::V4(from), IpAddr::V4(to)) => {
                        let fragment = match part {
                            Piece::Whole => 0x4000,
                            Piece::First => 0x2000,
                            Piece::Later => 0x2004,
                        };
                        let header = Ipv4 {
                            fragment,
                            ..Ipv4::new(from, to, protocol)
                        };
                        build(packets::IPV4, &header.packet(&payload))
                    }
                    (IpAddr::V6(from), IpAddr::V6(to)) => {
                        let fragment = |offset, more| vec![Extension::Fragment { offset, more }];
                        let extensions = match part {
                            Piece::Whole => vec![],
                            Piece::First => fragment(0, true),
                            Piece::Later => fragment(4, true),
                        };
                        build(
                            packets::IPV6,
                            &ipv6(from, to, &extensions, protocol, &payload),
                        )
                    }
                    _ => unreachable!("both addresses are of one version"),
                };
                frame.truncate(cut.max(14));
                frame
            }
        }
    }

    /// How many bytes of the frame have to be there for its addresses, its protocol and its ports.
    fn needed(&self) -> (usize, usize, usize) {
        let network = 14 + 4 * self.tags;
        match self.what {
            What::Ip {
                from: IpAddr::V4(_),
                ..
            } => (network + 20, network + 20, network + 24),
            What::Ip { part, .. } => {
                let transport = network + 40 + if part == Piece::Whole { 0 } else { 8 };
                let protocol = if part == Piece::Whole {
                    network + 40
                } else {
                    network + 44
                };
                (network + 40, protocol, transport + 4)
            }
            _ => (0, 0, 0),
        }
    }
}

/// The first rule that matches, in the words of docs/policies.md.
fn naive(rules: &[Rule], frame: &Known, way: Way) -> Option<(usize, Action, bool)> {
    rules.iter().enumerate().find_map(|(at, rule)| {
        let is_this_way = match rule.direction {
            Direction::Both => true,
            Direction::FromGuest => way == Way::FromGuest,
            Direction::ToGuest => way == Way::ToGuest,
        };
        let sides = |from, to| {
            if way == Way::FromGuest {
                (from, to)
            } else {
                (to, from)
            }
        };
        let (local, remote) = sides(frame.from, frame.to);
        let mut fails = !is_this_way
            || rule.local_mac.is_some_and(|mac| mac != local)
            || rule.remote_mac.is_some_and(|mac| mac != remote);
        let mut is_hidden = false;
        let asks_for_ports = rule.local_port.is_some() || rule.remote_port.is_some();
        let asks_for_addresses = rule.local_address.is_some() || rule.remote_address.is_some();
        if asks_for_ports || asks_for_addresses || rule.protocol.is_some() {
            match frame.what {
                What::Arp | What::Lldp => fails = true,
                What::Ip {
                    from,
                    to,
                    protocol,
                    ports,
                    part,
                    cut,
                } => {
                    let (addresses, protocol_at, ports_at) = frame.needed();
                    let sees = |needed| cut.max(14) >= needed;
                    if !sees(addresses) {
                        is_hidden = true;
                    } else {
                        let (local, remote) = if way == Way::FromGuest {
                            (from, to)
                        } else {
                            (to, from)
                        };
                        fails |= rule
                            .local_address
                            .is_some_and(|prefix| !prefix.contains(local));
                        fails |= rule
                            .remote_address
                            .is_some_and(|prefix| !prefix.contains(remote));
                        if !sees(protocol_at) {
                            is_hidden |= rule.protocol.is_some() || asks_for_ports;
                        } else {
                            fails |= rule.protocol.is_some_and(|asked| asked != protocol);
                            let has_ports = matches!(protocol, packets::TCP | packets::UDP | SCTP);
                            if asks_for_ports {
                                if !has_ports {
                                    fails = true;
                                } else if part == Piece::Later {
                                    fails |= rule.action == Action::Deny;
                                } else if !sees(ports_at) {
                                    is_hidden = true;
                                } else {
                                    let (local, remote) = if way == Way::FromGuest {
                                        ports
                                    } else {
                                        (ports.1, ports.0)
                                    };
                                    fails |=
                                        rule.local_port.is_some_and(|range| !range.contains(local));
                                    fails |= rule
                                        .remote_port
                                        .is_some_and(|range| !range.contains(remote));
                                }
                            }
                        }
                    }
                }
            }
        }
        let matches = !fails && (!is_hidden || rule.action == Action::Deny);
        matches.then_some((at, rule.action, is_hidden))
    })
}

fn address(which: u8, is_v6: bool) -> IpAddr {
    match is_v6 {
        false => Ipv4Addr::new(10, 0, which, 1).into(),
        true => Ipv6Addr::new(0xfd00, 0, 0, u16::from(which), 0, 0, 0, 1).into(),
    }
}

fn prefixes() -> impl Strategy<Value = IpPrefix> {
    let texts = [
        "10.0.0.1",
        "10.0.0.0/15",
        "0.0.0.0/0",
        "fd00:0:0:1::/64",
        "fd00::/16",
        "::/0",
    ];
    prop::sample::select(texts.to_vec()).prop_map(|text| text.parse().unwrap())
}

fn rules() -> impl Strategy<Value = Rule> {
    let range = || {
        (0..3usize, 0..3usize).prop_map(|(a, b)| PortRange {
            first: PORTS[a.min(b)],
            last: PORTS[a.max(b)],
        })
    };
    let action = prop_oneof![Just(Action::Allow), Just(Action::Deny)];
    let direction = prop_oneof![
        Just(Direction::Both),
        Just(Direction::FromGuest),
        Just(Direction::ToGuest)
    ];
    let mac = || option::weighted(0.2, prop::sample::select(STATIONS.to_vec()));
    let address = || option::weighted(0.3, prefixes());
    let protocol = option::weighted(
        0.4,
        prop::sample::select(vec![packets::TCP, packets::UDP, SCTP, packets::ICMP]),
    );
    let port = move || option::weighted(0.3, range());
    (
        action,
        direction,
        mac(),
        mac(),
        address(),
        address(),
        protocol,
        port(),
        port(),
    )
        .prop_map(
            |(
                action,
                direction,
                local_mac,
                remote_mac,
                local_address,
                remote_address,
                protocol,
                local_port,
                remote_port,
            )| Rule {
                action,
                direction,
                local_mac,
                remote_mac,
                local_address,
                remote_address,
                protocol,
                local_port,
                remote_port,
            },
        )
}

fn known() -> impl Strategy<Value = Known> {
    let station = || prop::sample::select(STATIONS.to_vec());
    let port = || prop::sample::select(PORTS.to_vec());
    let part =
        prop_oneof![3 => Just(Piece::Whole), 1 => Just(Piece::First), 1 => Just(Piece::Later)];
    let protocol = prop::sample::select(vec![packets::TCP, packets::UDP, SCTP, packets::ICMP]);
    let cut = prop_oneof![3 => Just(200usize), 1 => 14..90usize];
    let ip = (
        any::<bool>(),
        0..3u8,
        0..3u8,
        protocol,
        (port(), port()),
        part,
        cut,
    )
        .prop_map(|(is_v6, from, to, protocol, ports, part, cut)| What::Ip {
            from: address(from, is_v6),
            to: address(to, is_v6),
            protocol,
            ports,
            part,
            cut,
        });
    let what = prop_oneof![1 => Just(What::Arp), 1 => Just(What::Lldp), 6 => ip];
    (station(), station(), 0..3usize, what).prop_map(|(from, to, tags, what)| Known {
        from,
        to,
        tags,
        what,
    })
}

fn ruled(rules: &[Rule], frame: &[u8], way: Way) -> Option<(usize, Action, bool)> {
    let rules = Rules::new(rules, &Rules::default(), 1);
    let ruling = rules.judge(&Packet::parse(frame).unwrap(), way)?;
    Some((ruling.rule as usize, ruling.action, ruling.in_doubt))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rules_decide_as_a_naive_evaluator_does(rules in vec(rules(), 0..6), frame in known(), to_guest: bool) {
        let way = if to_guest { Way::ToGuest } else { Way::FromGuest };
        prop_assert_eq!(ruled(&rules, &frame.frame(), way), naive(&rules, &frame, way), "{:02x?}", frame.frame());
    }

    /// Whatever hides it: where a longer look would deny, a shorter one does not let the frame pass by a rule that allows.
    #[test]
    fn what_is_allowed_on_a_shorter_look_is_allowed_on_a_longer_one(rule in rules(), frame in frames(), to_guest: bool) {
        let way = if to_guest { Way::ToGuest } else { Way::FromGuest };
        let list = [Rule { direction: Direction::Both, ..rule }, Rule::any(Action::Deny)];
        let passes = |len: usize| matches!(ruled(&list, &frame[..len], way), Some((_, Action::Allow, _)));
        for seen in 14..frame.len() {
            prop_assert!(passes(seen) <= passes(frame.len()), "{} of {} bytes", seen, frame.len());
        }
    }
}

#[test]
fn the_first_rule_that_matches_decides() {
    let frame = Known {
        from: STATIONS[0],
        to: STATIONS[1],
        tags: 1,
        what: What::Ip {
            from: address(0, false),
            to: address(1, false),
            protocol: packets::TCP,
            ports: (443, 80),
            part: Piece::Whole,
            cut: 200,
        },
    };
    let web = Rule {
        protocol: Some(packets::TCP),
        local_port: Some("80".parse().unwrap()),
        direction: Direction::ToGuest,
        ..Rule::any(Action::Allow)
    };
    let list = [web, Rule::any(Action::Deny)];
    let frame = frame.frame();
    assert_eq!(
        ruled(&list, &frame, Way::ToGuest),
        Some((0, Action::Allow, false))
    );
    assert_eq!(
        ruled(&list, &frame, Way::FromGuest),
        Some((1, Action::Deny, false))
    );
    assert_eq!(ruled(&list[..1], &frame, Way::FromGuest), None);
}

#[test]
fn a_datagram_in_fragments_passes_where_it_is_allowed_and_not_where_it_is_denied() {
    let web = |action| Rule {
        protocol: Some(packets::UDP),
        remote_port: Some("443".parse().unwrap()),
        ..Rule::any(action)
    };
    for is_v6 in [false, true] {
        let piece = |part, to| Known {
            from: STATIONS[0],
            to: STATIONS[1],
            tags: 0,
            what: What::Ip {
                from: address(0, is_v6),
                to: address(1, is_v6),
                protocol: packets::UDP,
                ports: (22, to),
                part,
                cut: 200,
            },
        };
        let decide = |rules: &[Rule], part, to| {
            ruled(rules, &piece(part, to).frame(), Way::FromGuest).map(|(_, action, _)| action)
        };
        let only = [web(Action::Allow), Rule::any(Action::Deny)];
        assert_eq!(decide(&only, Piece::First, 443), Some(Action::Allow));
        assert_eq!(decide(&only, Piece::Later, 443), Some(Action::Allow));
        // Of another datagram the first piece does not pass, and without it the others are nothing.
        assert_eq!(decide(&only, Piece::First, 80), Some(Action::Deny));
        let all_but = [web(Action::Deny)];
        assert_eq!(decide(&all_but, Piece::First, 443), Some(Action::Deny));
        assert_eq!(decide(&all_but, Piece::Later, 443), None);
        assert_eq!(decide(&all_but, Piece::First, 80), None);
    }
}

fn denied_by(rule: u32) -> Mark {
    Mark::of(Some(Ruling {
        rule,
        action: Action::Deny,
        in_doubt: false,
    }))
}

#[test]
fn each_rule_counts_by_way_and_worker() {
    let list = [Rule::any(Action::Allow), Rule::any(Action::Deny)];
    let rules = Rules::new(&list, &Rules::default(), 3);
    rules.count(0, Way::FromGuest, denied_by(1), 60);
    rules.count(2, Way::FromGuest, denied_by(1), 1514);
    rules.count(1, Way::ToGuest, denied_by(1), 100);
    rules.count(1, Way::ToGuest, Mark::NONE, 100);
    let totals: Vec<_> = rules.totals().map(|(_, totals)| totals).collect();
    assert_eq!(totals[0], RuleTotals::default());
    let count = |frames, bytes| Count { frames, bytes };
    assert_eq!(totals[1].from_guest, count(2, 1574));
    assert_eq!(totals[1].to_guest, count(1, 100));
}

#[test]
fn a_rule_that_stays_goes_on_counting_wherever_it_stands() {
    let port = |port: &str| Rule {
        remote_port: Some(port.parse().unwrap()),
        ..Rule::any(Action::Deny)
    };
    let first = Rules::new(&[port("1"), port("2"), port("2")], &Rules::default(), 1);
    for (rule, times) in [(0, 1), (1, 2), (2, 3)] {
        (0..times).for_each(|_| first.count(0, Way::FromGuest, denied_by(rule), 10));
    }
    let second = Rules::new(&[port("2"), port("3"), port("1"), port("2")], &first, 1);
    let frames = |rules: &Rules| -> Vec<u64> {
        { rules.totals() }
            .map(|(_, totals)| totals.from_guest.frames)
            .collect()
    };
    assert_eq!(frames(&second), [2, 0, 1, 3]);
    // A worker that still acts on the one before is heard too.
    first.count(0, Way::FromGuest, denied_by(1), 10);
    assert_eq!(frames(&second), [3, 0, 1, 3]);
}
