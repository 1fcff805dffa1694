//! Any first bytes of a frame, before every guard and rule of a port.
//!
//! What must hold: nothing panics and every walk ends; a shorter look tells nothing that a longer one does not tell too; and
//! what passes on a shorter look passes on a longer one, so that nothing is gained by hiding.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use switch::policy::{Action, Content, Guards, Packet, PortPolicy, Ports, Rule, Rules, Way};
use vmq::Mac;

#[derive(Arbitrary, Debug)]
struct Input {
    /// Which frame that means something the bytes are written into.
    template: u8,
    frame: Vec<u8>,
    tags: u8,
    dhcp_guard: bool,
    router_guard: bool,
    allowed: Option<u8>,
    rule: [Option<u16>; 5],
    to_guest: bool,
}

fuzz_target!(|input: Input| {
    let mut frame = template(input.template, input.tags);
    let written = input.frame.len().min(frame.len());
    for (place, byte) in frame.iter_mut().zip(&input.frame[..written]) {
        *place ^= byte;
    }
    frame.extend(&input.frame[written..]);
    frame.truncate(160);
    let Some(whole) = Packet::parse(&frame) else {
        assert!(frame.len() < 14);
        return;
    };
    let addresses = ["10.0.0.1", "fd00::1", "0.0.0.0/0", "::/0"];
    let asked = PortPolicy {
        dhcp_guard: input.dhcp_guard,
        router_guard: input.router_guard,
        allowed_addresses: input.allowed.map(|which| {
            let some = addresses.iter().enumerate();
            let some = some.filter(|(at, _)| which >> at & 1 != 0);
            some.map(|(_, text)| text.parse().unwrap()).collect()
        }),
        ..PortPolicy::default()
    };
    let guards = Guards::new(&asked, [Mac([2; 6])]);
    let rules = Rules::new(&rules(&input), &Rules::default(), 1);
    let way = if input.to_guest {
        Way::ToGuest
    } else {
        Way::FromGuest
    };
    let passes = |packet: &Packet<'_>| {
        let is_denied = rules
            .judge(packet, way)
            .is_some_and(|ruling| ruling.action == Action::Deny);
        (guards.judge(packet).is_none(), !is_denied)
    };
    let (guarded, ruled) = passes(&whole);
    for seen in 14..frame.len() {
        let part = Packet::parse(&frame[..seen]).unwrap();
        assert!(is_less(&part, &whole), "{seen}: {part:?} {whole:?}");
        let shorter = passes(&part);
        assert!(
            shorter.0 <= guarded && shorter.1 <= ruled,
            "{seen}: {part:?} {whole:?}"
        );
    }
});

/// One rule that the input makes up, and one that denies everything else.
fn rules(input: &Input) -> [Rule; 2] {
    let port = |port: Option<u16>| port.map(|port| port.to_string().parse().unwrap());
    let address = |which: Option<u16>| {
        let which = usize::from(which?) % 4;
        Some(
            ["10.0.0.0/8", "fd00::/16", "0.0.0.0/0", "::/0"][which]
                .parse()
                .unwrap(),
        )
    };
    let [protocol, local_port, remote_port, local, remote] = input.rule;
    let any = Rule::any(Action::Deny);
    let made_up = Rule {
        local_address: address(local),
        remote_address: address(remote),
        protocol: protocol.map(|protocol| protocol as u8),
        local_port: port(local_port),
        remote_port: port(remote_port),
        ..Rule::any(Action::Allow)
    };
    [made_up, any]
}

/// Whether `less` says nothing that `more` does not say as well.
fn is_less(less: &Packet<'_>, more: &Packet<'_>) -> bool {
    let (less, more) = match (less.content, more.content) {
        (Content::Hidden, _) => return true,
        (Content::Ip(less), Content::Ip(more)) => (less, more),
        (less, more) => return less == more,
    };
    let one = |less: Option<bool>, more: Option<bool>| less.is_none() || less == more;
    (less.source, less.destination) == (more.source, more.destination)
        && (less.protocol.is_none() || (less.protocol, less.part) == (more.protocol, more.part))
        && (less.ports() == Ports::Hidden || less.ports() == more.ports())
        && one(less.is_from_dhcp_server(), more.is_from_dhcp_server())
        && one(less.is_from_router(), more.is_from_router())
        && less.is_from_dhcp_client() <= more.is_from_dhcp_client()
        && less.is_listener_report() <= more.is_listener_report()
        && (less.neighbour().is_err() || less.neighbour() == more.neighbour())
}

/// DHCP, ARP, neighbour discovery or TCP, behind tags.
fn template(which: u8, tags: u8) -> Vec<u8> {
    let mut frame = vec![2; 12];
    for _ in 0..tags % 4 {
        frame.extend([0x81, 0, 0, 5]);
    }
    let v4 = |protocol: u8| {
        let mut packet = vec![8, 0, 0x45, 0, 0, 60, 0, 0, 0, 0, 64, protocol, 0, 0];
        packet.extend([10, 0, 0, 1, 10, 0, 0, 2]);
        packet
    };
    let v6 = |next: u8| {
        let mut packet = vec![0x86, 0xdd, 0x60, 0, 0, 0, 0, 64, next, 255];
        packet.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        packet.extend([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        packet
    };
    let rest = match which % 6 {
        0 => [v4(17), vec![0, 67, 0, 68, 0, 20, 0, 0, 2]].concat(),
        1 => [v6(17), vec![2, 35, 2, 34, 0, 20, 0, 0, 7]].concat(),
        2 => [
            v6(60),
            vec![58, 0, 1, 4, 0, 0, 0, 0],
            vec![136; 24],
            vec![2, 1],
        ]
        .concat(),
        3 => [
            v6(44),
            vec![58, 0, 0, 1, 0, 0, 0, 0],
            vec![134; 16],
            vec![1, 1],
        ]
        .concat(),
        4 => vec![8, 6, 0, 1, 8, 0, 6, 4, 0, 2, 2, 2, 2, 2, 2, 2, 10, 0, 0, 1],
        _ => [v4(6), vec![0, 80, 1, 187]].concat(),
    };
    frame.extend(rest);
    frame.resize(frame.len() + 40, 2);
    frame
}
