//! VLAN modes, private VLANs, isolation and link-local groups: any sequence of frames between ports of any policies
//! equals the naive model switch, while the policies change.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use switch::policy::{PortPolicy, PrivateRole, VlanMode, VlanSet};
use switch::{DropReason, PortId, PortSettings};
use testkit::guest::GuestOptions;
use testkit::model::{self, Vlans};
use vmq::{Mac, VlanId};

use crate::bench::{Bench, Machine};
use crate::traffic::{A, B, BROADCAST, frame};

const PORTS: usize = 4;
const STATIONS: u8 = 5;

/// VLANs of the modes, and of the tags that guests send.
const VLANS: [u16; 3] = [10, 11, 4094];

fn station(number: u8) -> [u8; 6] {
    [0x52, 0x54, 0, 0, 0, number]
}

#[derive(Clone, Debug)]
struct Burst {
    port: usize,
    station: u8,
    /// Outer and inner tag: which type, and what is in it.
    tags: Vec<(bool, u16)>,
    frames: Vec<Frame>,
}

#[derive(Clone, Debug)]
struct Frame {
    to: To,
    len: usize,
    cuts: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
enum To {
    Station(u8),
    Group,
    LinkLocal,
}

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    Burst(Burst),
    Change(usize, model::Policy),
}

impl Burst {
    fn bytes(&self, frame: &Frame, which: u32) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(frame.len);
        bytes.extend(match frame.to {
            To::Station(number) => station(number),
            To::Group => [0x01, 0, 0x5e, 0, 0, 1],
            To::LinkLocal => [0x01, 0x80, 0xc2, 0, 0, 0x0e],
        });
        bytes.extend(station(self.station));
        for (is_service, tci) in &self.tags {
            bytes.extend(if *is_service { [0x88, 0xa8] } else { [0x81, 0] });
            bytes.extend(tci.to_be_bytes());
        }
        bytes.extend([0x88, 0xb5]);
        bytes.extend(which.to_be_bytes());
        bytes.extend((bytes.len()..frame.len).map(|at| (at as u32).wrapping_mul(which | 1) as u8));
        bytes
    }
}

fn vlan() -> impl Strategy<Value = u16> {
    prop::sample::select(VLANS.to_vec())
}

fn policy() -> impl Strategy<Value = model::Policy> {
    let allowed = prop::sample::subsequence(VLANS.to_vec(), 1..=VLANS.len());
    let vlans = prop_oneof![
        Just(Vlans::Transparent),
        Just(Vlans::Untagged),
        vlan().prop_map(Vlans::Access),
        (allowed, proptest::option::of(vlan())).prop_map(|(allowed, native)| Vlans::Trunk {
            allowed: allowed.into_iter().collect::<BTreeSet<_>>(),
            native,
        }),
        (Just(VLANS[0]), proptest::option::of(0..3_u16))
            .prop_map(|(primary, community)| Vlans::Private { primary, community }),
    ];
    let rarely = proptest::bool::weighted(0.3);
    (vlans, rarely, proptest::bool::ANY).prop_map(|(vlans, isolated, link_local)| model::Policy {
        vlans,
        isolated,
        link_local,
        ..model::Policy::default()
    })
}

fn burst() -> impl Strategy<Value = Burst> {
    let len = prop_oneof![4 => 32..200_usize, 1 => 200..1600_usize];
    let to = prop_oneof![
        4 => (0..STATIONS).prop_map(To::Station),
        2 => Just(To::Group),
        1 => Just(To::LinkLocal),
    ];
    let frame = (to, len, btree_set(1..28_usize, 0..3)).prop_map(|(to, len, cuts)| Frame {
        to,
        len,
        cuts: cuts.into_iter().collect(),
    });
    let tci = prop_oneof![2 => vlan(), 1 => Just(0)];
    let tag = (proptest::bool::weighted(0.2), tci, 0..16_u16)
        .prop_map(|(is_service, vlan, priority)| (is_service, priority << 12 | vlan));
    (0..PORTS, 0..STATIONS, vec(tag, 0..3), vec(frame, 1..8)).prop_map(
        |(port, station, tags, frames)| Burst {
            port,
            station,
            tags,
            frames,
        },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let change = (0..PORTS, policy()).prop_map(|(port, policy)| Step::Change(port, policy));
    vec(
        prop_oneof![4 => burst().prop_map(Step::Burst), 1 => change],
        1..14,
    )
}

/// The same, asked of the product.
fn settings(policy: &model::Policy) -> PortSettings {
    let vlan = match &policy.vlans {
        Vlans::Transparent => VlanMode::Transparent,
        Vlans::Untagged => VlanMode::Untagged,
        Vlans::Access(vlan) => VlanMode::Access(VlanId(*vlan)),
        Vlans::Trunk { allowed, native } => {
            let mut set = VlanSet::none();
            allowed.iter().for_each(|vlan| set.insert(VlanId(*vlan)));
            VlanMode::Trunk {
                allowed: set,
                native: native.map(VlanId),
            }
        }
        Vlans::Private { primary, community } => VlanMode::Private {
            primary: VlanId(*primary),
            role: match community {
                None => PrivateRole::Promiscuous,
                Some(0) => PrivateRole::Isolated,
                Some(vlan) => PrivateRole::Community(VlanId(*vlan)),
            },
        },
    };
    PortSettings {
        policy: PortPolicy {
            vlan,
            isolated: policy.isolated,
            link_local: Some(policy.link_local),
            ..PortPolicy::default()
        },
        ..PortSettings::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64,
        failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_frames_between_ports_of_any_policy_equal_the_naive_model(
        policies in proptest::array::uniform4(policy()),
        steps in steps(),
        workers in 1..3_usize,
        packed in any::<bool>(),
    ) {
        let mut model = model::Switch::new();
        for (port, policy) in (0..).zip(&policies) {
            model.set_policy(port, policy.clone());
        }
        let bench = Bench::with_ports(workers, switch::Idle::Adapt, policies.iter().map(settings).collect());
        let options = GuestOptions { memory: 8 << 20, packed, ..GuestOptions::default() };
        let mut machines: Vec<Machine> = (0..PORTS).map(|port| bench.attach(port, options)).collect();
        let mut which = 0;
        for step in &steps {
            let burst = match step {
                Step::Burst(burst) => burst,
                Step::Change(port, policy) => {
                    model.set_policy(*port as u16, policy.clone());
                    bench.switch.set_port(PortId(*port as u16), settings(policy)).unwrap();
                    continue;
                }
            };
            // The first frame alone: it may teach the switch where its source is.
            let (first, rest) = burst.frames.split_at(1);
            for frames in [first, rest] {
                let mut expected = vec![vec![]; PORTS];
                let mut vlan = None;
                for frame in frames {
                    which += 1;
                    let bytes = burst.bytes(frame, which);
                    if !matches!(frame.to, To::LinkLocal) {
                        vlan = model.vlan_of(burst.port as u16, &bytes);
                    }
                    for (port, delivered) in model.send(burst.port as u16, &bytes) {
                        expected[usize::from(port)].push(delivered);
                    }
                    let sender = &mut machines[burst.port].guest;
                    prop_assert!(sender.send_chain(&bytes, &frame.cuts), "the ring is full");
                }
                machines[burst.port].guest.flush();
                for (port, expected) in expected.iter().enumerate() {
                    let arrived = machines[port].receive(expected.len());
                    prop_assert_eq!(&arrived, expected, "port {} got other frames, or in another order", port);
                }
                settle(&bench, &model, vlan, station(burst.station), burst, which);
                machines[burst.port].guest.from_guest.reclaim();
            }
        }
        machines.iter_mut().for_each(Machine::receives_nothing);
    }
}

/// Waits until all frames are over and the switch has learnt what the model has, and a moment for the workers to end the
/// turn in which they did not know it yet.
fn settle(
    bench: &Bench,
    model: &model::Switch,
    vlan: Option<u16>,
    mac: [u8; 6],
    burst: &Burst,
    sent: u32,
) {
    let all = || {
        let ports = (0..PORTS).map(|port| bench.status(port).totals.from_guest_frames);
        ports.sum::<u64>()
    };
    bench.wait_for(burst.port, |_| all() == u64::from(sent));
    let Some(vlan) = vlan else { return };
    let Some(owner) = model.owner(vlan, mac) else {
        return;
    };
    let mac = Mac(mac).to_string();
    bench.wait_for(usize::from(owner), |port| {
        port.queue
            .filters
            .iter()
            .any(|filter| filter.mac == mac && filter.vlan == Some(vlan))
    });
    std::thread::sleep(Duration::from_millis(1));
}

fn in_vlan(vlan: VlanMode) -> PortSettings {
    PortSettings {
        policy: PortPolicy {
            vlan,
            ..PortPolicy::default()
        },
        ..PortSettings::default()
    }
}

/// A frame with a tag behind its addresses.
fn with_tag(frame: &[u8], tci: u16) -> Vec<u8> {
    let mut tagged = frame.to_vec();
    tagged.splice(12..12, [[0x81, 0], tci.to_be_bytes()].concat());
    tagged
}

#[test]
fn a_frame_that_ends_in_its_tag_does_not_pass_for_an_untagged_one() {
    let access = || in_vlan(VlanMode::Access(VlanId(10)));
    let trunk = in_vlan(VlanMode::Trunk {
        allowed: "all".parse().unwrap(),
        native: None,
    });
    let ports = vec![access(), access(), trunk];
    let bench = Bench::with_ports(1, switch::Idle::Adapt, ports);
    let [mut a, mut b, mut c] = [0, 1, 2].map(|port| bench.attach(port, GuestOptions::default()));
    // The first is as long as a verdict looks. The second begins like it, and is in a VLAN that is not the port's.
    let hopping = with_tag(&frame(BROADCAST, A, 1, 60), 20);
    a.send_all([&hopping[..16], &hopping[..17], &hopping[..]]);
    let dropped = |reason: DropReason| bench.status(0).totals.drops[reason as usize];
    bench.wait_for(0, |port| port.totals.from_guest_frames == 3);
    assert_eq!(
        [
            dropped(DropReason::Runt),
            dropped(DropReason::VlanNotAllowed)
        ],
        [2, 1]
    );
    // From the trunk such a frame cannot be given to who wants it without its tag.
    let good = with_tag(&frame(BROADCAST, B, 2, 60), 10);
    c.send_all([&good[..], &good[..16], &good[..]]);
    let bare = frame(BROADCAST, B, 2, 60);
    assert_eq!(a.receive(2), [&bare[..], &bare[..]]);
    assert_eq!(b.receive(2), [&bare[..], &bare[..]]);
    [a, b, c].iter_mut().for_each(Machine::receives_nothing);
}
