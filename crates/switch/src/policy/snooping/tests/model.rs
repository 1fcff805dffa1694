//! Any sequence of messages against a model that remembers everything.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Something heard from a port.
#[derive(Clone, Debug)]
enum Event {
    Join(u8),
    Leave(u8),
    AskAny,
    AskGroup(u8),
    Unclear,
    Hello,
}

fn group(which: u8) -> Ipv4Addr {
    Ipv4Addr::new(239, 1, 2, which)
}

impl Event {
    fn frame(&self) -> Vec<u8> {
        match *self {
            Event::Join(which) => join(group(which)),
            Event::Leave(which) => over4(ALL4, &about_v4(0x17, 0, group(which), &[])),
            Event::AskAny => general(),
            Event::AskGroup(which) => over4(group(which), &about_v4(0x11, 10, group(which), &[])),
            Event::Unclear => {
                let mut frame = join(group(0));
                frame[36] ^= 1;
                frame
            }
            Event::Hello => over4(ALL4, &[0x30, 20, 0, 0, 0, 125, 0, 2]),
        }
    }
}

/// Who is to have a frame to a group at a moment, looked up in everything that was ever heard. The numbers are those of RFC 3376
/// (section 8), with one second more where time was rounded.
fn naive(heard: &[(u32, u16, Event)], now: u32, which: u8) -> Option<BTreeSet<u16>> {
    let mut filters_from = None;
    let mut last_query: Option<u32> = None;
    let mut router = BTreeSet::new();
    let mut members = BTreeSet::new();
    for &(at, _, ref event) in heard {
        if matches!(event, Event::AskAny) {
            if last_query.is_none_or(|last| at >= last + 255) {
                filters_from = Some(at + 11);
            }
            last_query = Some(at);
        }
    }
    let is_on = last_query.is_some_and(|last| now < last + 255)
        && filters_from.is_some_and(|from| from <= now);
    if !is_on {
        return None;
    }
    for port in 0..6 {
        let from = heard.iter().filter(|(_, from, _)| *from == port);
        for (at, _, event) in from.clone() {
            let leads = matches!(event, Event::AskAny | Event::AskGroup(_) | Event::Hello);
            if leads && now < at + 255 {
                router.insert(port);
            }
            if matches!(event, Event::Unclear) && now < at + 260 {
                router.insert(port);
            }
        }
        let joined = heard.iter().rposition(|(_, from, event)| {
            *from == port && matches!(event, Event::Join(joined) if *joined == which)
        });
        let Some(joined) = joined else { continue };
        let mut until = heard[joined].0 + 260;
        for (at, _, event) in &heard[joined..] {
            if matches!(event, Event::AskGroup(asked) if *asked == which) && *at < until {
                until = until.min(at + 3);
            }
        }
        if now < until {
            members.insert(port);
        }
    }
    if members.is_empty() {
        return None;
    }
    Some(members.union(&router).copied().collect())
}

fn events() -> impl Strategy<Value = Vec<(u32, u16, Event)>> {
    let event = prop_oneof![
        5 => (0..3u8).prop_map(Event::Join),
        1 => (0..3u8).prop_map(Event::Leave),
        3 => Just(Event::AskAny),
        1 => (0..3u8).prop_map(Event::AskGroup),
        1 => Just(Event::Unclear),
        1 => Just(Event::Hello),
    ];
    let gap = prop_oneof![4 => 0..4u32, 3 => 4..30u32, 1 => 100..300u32];
    vec((gap, 0..6u16, event), 0..60).prop_map(|events| {
        let mut now = 0;
        let at = |(gap, port, event)| {
            now += gap;
            (now, port, event)
        };
        events.into_iter().map(at).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_messages_equals_the_model(heard in events()) {
        let mut snooper = Snooper::default();
        for (at, (now, port, event)) in heard.iter().enumerate() {
            let next = heard.get(at + 1).map_or(now + 400, |next| next.0);
            hear(&mut snooper, *port, &event.frame(), *now);
            // At every moment at which something can be different from the moment before, and at some others.
            for now in (*now..next).step_by(1 + (next - now) as usize / 16) {
                snooper.age(Tick(now));
                for which in 0..3 {
                    let groups = snooper.groups();
                    let audience = groups.audience(UNTAGGED, Mac(mac4(group(which))), Kind::Data);
                    let expected = naive(&heard[..=at], now, which);
                    let expected = expected.map(|ports| ports.into_iter().collect::<Vec<_>>());
                    prop_assert_eq!(ports(audience), expected, "at {} group {}", now, which);
                }
            }
        }
    }

    /// Whoever asks only when told to is told of everything: nothing changes before `next_change`, and something may then.
    #[test]
    fn nothing_changes_before_it_is_said_to(heard in events()) {
        let mut snooper = Snooper::default();
        for (now, port, event) in heard {
            while let Some(next) = snooper.next_change().filter(|next| next.0 <= now) {
                prop_assert!(!snooper.age(Tick(next.0.saturating_sub(1))));
                prop_assert!(snooper.age(next), "{:?} {:?}", next, snooper);
            }
            snooper.hear(PortId(port), UNTAGGED, true, &event.frame(), Tick(now));
        }
        while let Some(next) = snooper.next_change() {
            prop_assert!(snooper.age(next));
        }
        prop_assert!(snooper.domains.is_empty() && snooper.shares.is_empty() && snooper.greedy.is_empty());
    }

    #[test]
    fn no_bytes_make_it_fall(bytes in vec(any::<u8>(), 0..128), template in events(), at in any::<prop::sample::Index>()) {
        let mut snooper = Snooper::default();
        for (now, port, event) in template {
            let mut frame = event.frame();
            let len = frame.len();
            for (nth, byte) in bytes.iter().take(3).enumerate() {
                frame[(at.index(len) + 7 * nth) % len] = *byte;
            }
            hear(&mut snooper, port, &frame, now);
            hear(&mut snooper, port, &bytes, now);
        }
        snooper.groups();
    }
}
