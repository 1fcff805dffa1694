//! Messages as hosts and routers send them.

use super::*;

fn read(frame: &[u8]) -> Option<Says> {
    let packet = Packet::parse(&frame[..frame.len().min(128)]).unwrap();
    let message = Message::read(&packet)?;
    let is_v4 = message.family == Family::Igmp;
    assert_eq!(is_v4, frame[12] == 0x08);
    Some(message.says)
}

fn joins(group: Mac) -> Option<Says> {
    Some(Says::Report(vec![Change::Join(group)]))
}

fn leaves(group: Mac) -> Option<Says> {
    Some(Says::Report(vec![Change::Leave(group)]))
}

#[test]
fn reports_of_every_version_say_who_wants_what() {
    for kind in [0x12, 0x16] {
        assert_eq!(
            read(&over4(GROUP4, &about_v4(kind, 0, GROUP4, &[]))),
            joins(MAC4)
        );
    }
    let leave = about_v4(0x17, 0, GROUP4, &[]);
    assert_eq!(
        read(&over4(Ipv4Addr::new(224, 0, 0, 2), &leave)),
        leaves(MAC4)
    );
    assert_eq!(
        read(&over6(GROUP6, &about_v6(131, 0, GROUP6, &[]))),
        joins(MAC6)
    );
    assert_eq!(
        read(&over6(GROUP6, &about_v6(132, 0, GROUP6, &[]))),
        leaves(MAC6)
    );
    // Filters: nothing but, all but, allow, block; with and without sources.
    for (kind, sources, expected) in [
        (1, 0, leaves(MAC4)),
        (1, 2, joins(MAC4)),
        (2, 0, joins(MAC4)),
        (2, 2, joins(MAC4)),
        (3, 0, leaves(MAC4)),
        (3, 2, joins(MAC4)),
        (4, 0, joins(MAC4)),
        (4, 1, joins(MAC4)),
        (5, 1, joins(MAC4)),
        (6, 1, Some(Says::Report(vec![]))),
        (9, 0, Some(Says::Report(vec![]))),
    ] {
        let report = records(0x22, &[(kind, &GROUP4.octets(), sources)]);
        assert_eq!(
            read(&over4(Ipv4Addr::new(224, 0, 0, 22), &report)),
            expected,
            "{kind} {sources}"
        );
    }
    let several = records(143, &[(4, &GROUP6.octets(), 0), (3, &GROUP6.octets(), 0)]);
    let both = Says::Report(vec![Change::Join(MAC6), Change::Leave(MAC6)]);
    assert_eq!(read(&over6(ALL6, &several)), Some(both));
}

#[test]
fn a_report_that_is_not_to_be_seen_whole_or_is_damaged_is_unclear() {
    let group = GROUP6.octets();
    let many = records(143, &[(4, &group[..], 0); 4]);
    assert_eq!(read(&over6(ALL6, &many)), Some(Says::Unclear));
    // Records that go beyond the message.
    let mut message = records(0x22, &[(4, &GROUP4.octets(), 0)]);
    message[7] = 2;
    assert_eq!(read(&over4(ALL4, &message)), Some(Says::Unclear));
    let mut damaged = over4(GROUP4, &about_v4(0x16, 0, GROUP4, &[]));
    damaged[36] ^= 1;
    assert_eq!(read(&damaged), Some(Says::Unclear));
    // A damaged query, or one in fragments, is none.
    let mut damaged = over4(ALL4, &about_v4(0x11, 100, Ipv4Addr::UNSPECIFIED, &[]));
    damaged[36] ^= 1;
    assert_eq!(read(&damaged), None);
    damaged[36] ^= 1;
    damaged[20] = 0x20;
    assert_eq!(read(&damaged), None);
}

#[test]
fn queries_of_every_version_say_how_long_things_hold() {
    let any = |frame: &[u8]| match read(frame) {
        Some(Says::Query {
            is_router: true,
            asks: Asks::Any(timers),
        }) => (timers.robustness, timers.interval.0, timers.response.0),
        other => panic!("{other:?}"),
    };
    let nobody = Ipv4Addr::UNSPECIFIED;
    // Version 1 says nothing, version 2 tenths of a second, version 3 all of it, large numbers as floats.
    assert_eq!(
        any(&over4(ALL4, &about_v4(0x11, 0, nobody, &[]))),
        (2, 125, 10)
    );
    assert_eq!(
        any(&over4(ALL4, &about_v4(0x11, 251, nobody, &[]))),
        (2, 125, 26)
    );
    assert_eq!(
        any(&over4(ALL4, &about_v4(0x11, 50, nobody, &[3, 60, 0, 0]))),
        (3, 60, 5)
    );
    assert_eq!(
        any(&over4(
            ALL4,
            &about_v4(0x11, 0x80, nobody, &[0, 0x8f, 0, 0])
        )),
        (2, 248, 13)
    );
    let nobody = Ipv6Addr::UNSPECIFIED;
    assert_eq!(
        any(&over6(ALL6, &about_v6(130, 10_000, nobody, &[]))),
        (2, 125, 10)
    );
    assert_eq!(
        any(&over6(ALL6, &about_v6(130, 0x8000, nobody, &[7, 20, 0, 0]))),
        (7, 20, 33)
    );
    // Of one group: what the querier waits for, in whole seconds.
    let group = |rest: &[u8]| match read(&over4(GROUP4, &about_v4(0x11, 10, GROUP4, rest))) {
        Some(Says::Query { asks, .. }) => asks,
        other => panic!("{other:?}"),
    };
    let wait = |seconds| Asks::Group {
        group: MAC4,
        wait: Span(seconds),
    };
    assert_eq!(group(&[]), wait(2));
    assert_eq!(group(&[3, 125, 0, 0]), wait(3));
    // Timers are to be left alone, or it is about some sources only.
    assert_eq!(group(&[0x0a, 125, 0, 0]), Asks::Else);
    assert_eq!(group(&[2, 125, 0, 1, 10, 0, 0, 9]), Asks::Else);
}

#[test]
fn a_query_that_those_who_are_asked_do_not_hear_is_none() {
    let query = about_v4(0x11, 10, GROUP4, &[]);
    let packet = igmp(HOST4, GROUP4, &query);
    for (to, is_heard) in [
        (mac4(GROUP4), true),
        (mac4(ALL4), true),
        ([2, 0, 0, 0, 0, 9], false),
        (mac4(Ipv4Addr::new(239, 1, 2, 4)), false),
    ] {
        assert_eq!(
            read(&ethernet(to, HOST, &[], IPV4, &packet)).is_some(),
            is_heard,
            "{to:x?}"
        );
    }
    let to_a_group = igmp(HOST4, ALL4, &about_v4(0x11, 10, Ipv4Addr::UNSPECIFIED, &[]));
    assert_eq!(
        read(&ethernet(mac4(GROUP4), HOST, &[], IPV4, &to_a_group)),
        None
    );
    // From afar it is none in MLD.
    let global = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
    let query = mld(
        global,
        ALL6,
        &about_v6(130, 10_000, Ipv6Addr::UNSPECIFIED, &[]),
    );
    assert_eq!(read(&ethernet(mac6(ALL6), HOST, &[], IPV6, &query)), None);
}

#[test]
fn routers_show_themselves_by_more_than_queries() {
    let hello = |version| {
        let mut message = [version, 0, 0, 0, 0, 1, 0, 2, 0, 105];
        let sum = !(u32::from(version) << 8).wrapping_add(1 + 2 + 105) as u16;
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        let header = packets::Ipv4::new(HOST4, Ipv4Addr::new(224, 0, 0, 13), 103);
        ethernet(
            [1, 0, 0x5e, 0, 0, 13],
            HOST,
            &[],
            IPV4,
            &header.packet(&message),
        )
    };
    assert_eq!(read(&hello(0x20)), Some(Says::Router));
    assert_eq!(read(&hello(0x21)), None);
    assert_eq!(
        read(&over4(ALL4, &[0x30, 20, 0, 0, 0, 125, 0, 2])),
        Some(Says::Router)
    );
    assert_eq!(
        read(&over6(ALL6, &[151, 20, 0, 0, 0, 125, 0, 2])),
        Some(Says::Router)
    );
    // A switch that asks in a router's place has no address.
    let query = igmp(
        Ipv4Addr::UNSPECIFIED,
        ALL4,
        &about_v4(0x11, 100, Ipv4Addr::UNSPECIFIED, &[]),
    );
    let says = read(&ethernet(mac4(ALL4), HOST, &[], IPV4, &query));
    assert!(
        matches!(
            says,
            Some(Says::Query {
                is_router: false,
                ..
            })
        ),
        "{says:?}"
    );
}

#[test]
fn what_workers_pass_on_is_what_control_reads() {
    let kind = |frame: &[u8]| Kind::of(&Packet::parse(frame).unwrap());
    for (frame, expected) in [
        (over4(GROUP4, &about_v4(0x16, 0, GROUP4, &[])), Kind::Report),
        (over4(ALL4, &about_v4(0x17, 0, GROUP4, &[])), Kind::Report),
        (over4(ALL4, &about_v4(0x11, 0, GROUP4, &[])), Kind::Other),
        (over6(GROUP6, &about_v6(132, 0, GROUP6, &[])), Kind::Report),
        (over6(GROUP6, &about_v6(130, 0, GROUP6, &[])), Kind::Other),
        (over6(GROUP6, &about_v6(135, 0, GROUP6, &[])), Kind::Data),
        (
            ethernet(mac4(GROUP4), HOST, &[], 0x88b5, &[0x16; 46]),
            Kind::Data,
        ),
    ] {
        assert_eq!(kind(&frame), expected, "{frame:02x?}");
    }
}
