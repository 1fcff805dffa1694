//! Rules: who may have which frame, and that each frame is counted once at the rule that decided.

use std::net::Ipv4Addr;

use switch::policy::{Action, Count, Direction, PortPolicy, Rule, RuleTotals};
use switch::{DropReason, Idle, PortId, PortSettings, PortStatus, WhenFull};
use testkit::guest::GuestOptions;
use testkit::packets::{IPV4, Ipv4, UDP, ethernet, udp};

use crate::bench::{Bench, Machine};
use crate::lifecycle::introduce;
use crate::traffic::{A, B, BROADCAST, frame};

const A4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

fn rule(action: Action, direction: Direction) -> Rule {
    Rule {
        direction,
        ..Rule::any(action)
    }
}

/// UDP whose one port is this, on the guest's side or on the other.
fn local(action: Action, direction: Direction, port: &str) -> Rule {
    Rule {
        protocol: Some(UDP),
        local_port: Some(port.parse().unwrap()),
        ..rule(action, direction)
    }
}

fn remote(action: Action, direction: Direction, port: &str) -> Rule {
    Rule {
        protocol: Some(UDP),
        remote_port: Some(port.parse().unwrap()),
        ..rule(action, direction)
    }
}

fn with(rules: Vec<Rule>) -> PortSettings {
    PortSettings {
        policy: PortPolicy {
            rules,
            ..PortPolicy::default()
        },
        ..PortSettings::default()
    }
}

fn datagram(to: [u8; 6], port: u16, len: usize) -> Vec<u8> {
    let packet = Ipv4::new(A4, B4, UDP).packet(&udp(1000, port, &vec![7; len - 42]));
    ethernet(to, A, &[], IPV4, &packet)
}

fn count(frames: u64, bytes: u64) -> Count {
    Count { frames, bytes }
}

fn totals(port: &PortStatus) -> Vec<RuleTotals> {
    port.rules.iter().map(|rule| rule.totals).collect()
}

fn from_guest(port: &PortStatus) -> Vec<Count> {
    totals(port)
        .iter()
        .map(|totals| totals.from_guest)
        .collect()
}

fn to_guest(port: &PortStatus) -> Vec<Count> {
    totals(port).iter().map(|totals| totals.to_guest).collect()
}

fn denied(port: &PortStatus) -> u64 {
    port.totals.drops[DropReason::Denied as usize]
}

fn attach<const N: usize>(bench: &Bench) -> [Machine; N] {
    std::array::from_fn(|port| bench.attach(port, GuestOptions::default()))
}

#[test]
fn what_a_guest_sends_is_judged_by_the_first_rule_that_matches() {
    let rules = vec![
        remote(Action::Allow, Direction::FromGuest, "53"),
        remote(Action::Deny, Direction::FromGuest, "50-60"),
        local(Action::Deny, Direction::ToGuest, "1000"),
    ];
    let bench = Bench::with_ports(1, Idle::Adapt, vec![with(rules), PortSettings::default()]);
    let [mut a, mut b] = attach(&bench);
    introduce(&bench, &mut a, &mut b);
    let sent = [(53, 60), (55, 100), (80, 60), (53, 1000), (60, 61)];
    let sent = sent.map(|(port, len)| datagram(B, port, len));
    a.send_all(sent.iter().map(Vec::as_slice));
    assert_eq!(b.receive(3), [0, 2, 3].map(|at: usize| sent[at].clone()));
    let decided =
        |port: &PortStatus| -> u64 { from_guest(port).iter().map(|count| count.frames).sum() };
    let port = bench.wait_for(0, |port| decided(port) == 4);
    assert_eq!(denied(&port), 2);
    assert_eq!(
        from_guest(&port),
        [count(2, 1060), count(2, 161), count(0, 0)]
    );
    assert_eq!(to_guest(&port), [Count::default(); 3]);
    b.receives_nothing();
}

#[test]
fn what_a_guest_is_to_have_is_judged_for_it_alone() {
    let no_web = || with(vec![local(Action::Deny, Direction::ToGuest, "80")]);
    let ports = vec![
        PortSettings::default(),
        no_web(),
        PortSettings::default(),
        no_web(),
    ];
    let bench = Bench::with_ports(1, Idle::Adapt, ports);
    let [mut a, mut b, mut c, mut d] = attach(&bench);
    introduce(&bench, &mut a, &mut b);
    let hello = frame(BROADCAST, A, 0, 60);
    assert_eq!([c.receive(1), d.receive(1)], [[hello.clone()], [hello]]);
    // To all: whoever denies it misses it, and nobody else does.
    let sent = [53, 80, 54, 80].map(|port| datagram(BROADCAST, port, 60));
    a.send_all(sent.iter().map(Vec::as_slice));
    let some = [0, 2].map(|at: usize| sent[at].clone());
    assert_eq!(c.receive(4), sent);
    assert_eq!([b.receive(2), d.receive(2)], [some.clone(), some]);
    // To one.
    let sent = [80, 81].map(|port| datagram(B, port, 60));
    a.send_all(sent.iter().map(Vec::as_slice));
    assert_eq!(b.receive(1), sent[1..]);
    for (port, times) in [(1, 3), (3, 2)] {
        let port = bench.wait_for(port, |port| denied(port) == times);
        assert_eq!(to_guest(&port), [count(times, 60 * times)]);
        assert_eq!(from_guest(&port), [Count::default()]);
    }
    assert_eq!(denied(&bench.status(0)), 0);
    [b, c, d].iter_mut().for_each(Machine::receives_nothing);
}

#[test]
fn a_frame_that_waits_for_buffers_is_counted_once_when_it_is_over() {
    let all = |direction| with(vec![rule(Action::Allow, direction)]);
    let ports = vec![all(Direction::FromGuest), all(Direction::ToGuest)];
    let bench = Bench::with_ports(1, Idle::Adapt, ports);
    let small = GuestOptions {
        ring_size: 64,
        ..GuestOptions::default()
    };
    let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, small));
    introduce(&bench, &mut a, &mut b);
    let before = (bench.status(0), bench.status(1));
    // Twice as many as there are buffers: the rest is judged again and again until there are more.
    let frames: Vec<_> = (0..100)
        .map(|at| datagram(B, at, 60 + usize::from(at)))
        .collect();
    let bytes: u64 = frames.iter().map(|frame| frame.len() as u64).sum();
    a.send_all(frames.iter().map(Vec::as_slice));
    bench.wait_for(0, |port| port.totals.held > 0);
    let held = bench.wait_for(0, |port| {
        port.totals.from_guest_frames == before.0.totals.from_guest_frames + 64
    });
    assert_eq!(
        from_guest(&held)[0].frames,
        from_guest(&before.0)[0].frames + 64
    );
    assert_eq!(b.receive(100), frames);
    let over = bench.wait_for(0, |port| {
        port.totals.from_guest_frames == before.0.totals.from_guest_frames + 100
    });
    let grown = |after: Count, before: Count| {
        count(after.frames - before.frames, after.bytes - before.bytes)
    };
    assert_eq!(
        grown(from_guest(&over)[0], from_guest(&before.0)[0]),
        count(100, bytes)
    );
    let receiver = bench.status(1);
    assert_eq!(
        grown(to_guest(&receiver)[0], to_guest(&before.1)[0]),
        count(100, bytes)
    );
}

#[test]
fn frames_that_are_lost_for_want_of_buffers_are_counted_too() {
    let receiver = PortSettings {
        when_full: WhenFull::Drop,
        ..with(vec![rule(Action::Allow, Direction::ToGuest)])
    };
    let bench = Bench::with_ports(1, Idle::Adapt, vec![PortSettings::default(), receiver]);
    let small = GuestOptions {
        ring_size: 64,
        ..GuestOptions::default()
    };
    let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, small));
    introduce(&bench, &mut a, &mut b);
    let before = to_guest(&bench.status(1))[0].frames;
    let frames: Vec<_> = (0..150).map(|at| datagram(B, at, 60)).collect();
    a.send_all(frames.iter().map(Vec::as_slice));
    let dropped = |port: &PortStatus| port.totals.drops[DropReason::NoBuffers as usize];
    let port = bench.wait_for(1, |port| dropped(port) == 150 - 64);
    assert_eq!(to_guest(&port)[0].frames - before, 150);
}

#[test]
fn rules_change_while_frames_go_by_and_those_that_stay_go_on_counting() {
    let [deny, allow] =
        [Action::Deny, Action::Allow].map(|action| remote(action, Direction::FromGuest, "80"));
    let other = remote(Action::Allow, Direction::FromGuest, "81");
    let bench = Bench::with_ports(
        2,
        Idle::Adapt,
        vec![with(vec![other.clone()]), PortSettings::default()],
    );
    let [mut a, mut b] = attach(&bench);
    introduce(&bench, &mut a, &mut b);
    let steps = [
        (vec![deny.clone(), other.clone()], false),
        (vec![other.clone(), allow.clone(), deny.clone()], true),
        (vec![deny, other.clone()], false),
        (vec![other.clone(), allow], true),
    ];
    for (before, (rules, passes)) in (0..).zip(steps) {
        let settings = PortSettings {
            // Something that has nothing to do with rules.
            mtu: Some(1500 + before),
            ..with(rules)
        };
        bench.switch.set_port(PortId(0), settings).unwrap();
        let sent = [datagram(B, 80, 60), datagram(B, 81, 60)];
        a.send_all(sent.iter().map(Vec::as_slice));
        let arrive = if passes { &sent[..] } else { &sent[1..] };
        assert_eq!(b.receive(arrive.len()), arrive);
        let of_other = |port: &PortStatus| {
            let rule = port.rules.iter().find(|rule| rule.rule == other);
            rule.map_or(0, |rule| rule.totals.from_guest.frames)
        };
        bench.wait_for(0, |port| of_other(port) == u64::from(before) + 1);
    }
    b.receives_nothing();
}
