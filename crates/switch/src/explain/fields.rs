//! Frames written as people say them: `to=52:54:00:00:00:02 src=10.0.0.1 dst=10.0.0.2 protocol=tcp dport=80`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use vmq::{Mac, VlanId};

use super::compose::{Content, Fragment, Ip, compose};
use crate::MAX_FRAME;
use crate::policy::protocol;

/// What is said of a frame; the rest is as usual.
///
/// | word | meaning |
/// | --- | --- |
/// | `from=MAC`, `to=MAC` | its addresses; from the port's own and to everybody if not said |
/// | `vlan=10`, `vlan=10,20` | its tags, the outermost first |
/// | `type=0x88cc` | its EtherType, if it is neither ARP nor IP |
/// | `arp=request`, `arp=reply` | ARP, with `sender=` and `target=`, addresses of IPv4 |
/// | `src=`, `dst=` | IP addresses, of one version |
/// | `protocol=tcp` | also `udp`, `sctp`, `icmp`, `icmpv6`, `igmp` or a number |
/// | `sport=`, `dport=` | ports |
/// | `icmp=136` | type of an ICMP message; with `target=` one of neighbour discovery |
/// | `fragment=first`, `fragment=later` | a piece of a packet |
/// | `payload=HEX` | bytes behind all headers |
/// | `length=1514` | bytes of the whole frame; 60 if not said, or as many as it takes |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    from: Option<Mac>,
    to: Mac,
    vlans: Vec<VlanId>,
    content: Content,
    payload: Vec<u8>,
    length: Option<usize>,
}

/// Why a text is no frame, and what would be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FieldsError(String);

impl Fields {
    /// The frame. `own` is where it comes from if it is not said.
    ///
    /// # Errors
    /// [`FieldsError`] if it comes from nowhere, or does not fit into the length that it is to have.
    pub fn frame(&self, own: Option<Mac>) -> Result<Vec<u8>, FieldsError> {
        let Some(from) = self.from.or(own) else {
            return Err(FieldsError(
                "the port has no address of its own yet: say from=MAC".into(),
            ));
        };
        let frame = compose(
            self.to,
            from,
            &self.vlans,
            &self.content,
            &self.payload,
            self.length,
        );
        match self.length {
            Some(length) if length != frame.len() => Err(FieldsError(format!(
                "length={length} has no room for its headers: it takes {} bytes",
                frame.len()
            ))),
            _ => Ok(frame),
        }
    }
}

impl FromStr for Fields {
    type Err = FieldsError;

    fn from_str(text: &str) -> Result<Self, FieldsError> {
        let mut words = Words::split(text)?;
        let fields = Self {
            from: words.take("from", |text| text.parse().ok())?,
            to: words
                .take("to", |text| text.parse().ok())?
                .unwrap_or(Mac::BROADCAST),
            vlans: words.take("vlan", vlans)?.unwrap_or_default(),
            content: content(&mut words)?,
            payload: words.take("payload", hex)?.unwrap_or_default(),
            length: words.take("length", |text| {
                text.parse()
                    .ok()
                    .filter(|length| *length <= MAX_FRAME as usize)
            })?,
        };
        match words.0.keys().next() {
            None => Ok(fields),
            Some(word) => Err(FieldsError(format!(
                "{word}= does not go with the rest: {}",
                KNOWN
                    .iter()
                    .find(|known| known.0 == *word)
                    .map_or("", |known| known.2)
            ))),
        }
    }
}

const OF_ALL: &str = "a frame is ARP, or IP, or has another type";
const OF_IP: &str = "it is for IP: say src= and dst=";
const OF_PORTS: &str = "it is for protocol=tcp, udp and sctp";

/// Each word, what is asked of its value, and what it belongs to.
const KNOWN: &[(&str, &str, &str)] = &[
    ("from", "an Ethernet address", ""),
    ("to", "an Ethernet address", ""),
    ("vlan", "VLANs from 0 to 4095", ""),
    ("type", "a number like 0x88cc", OF_ALL),
    ("arp", "request or reply", ""),
    ("sender", "an IPv4 address", "it is for arp="),
    (
        "target",
        "an IP address",
        "it is for arp= and for icmp=135 and icmp=136",
    ),
    ("src", "an IP address", OF_ALL),
    ("dst", "an IP address", OF_ALL),
    (
        "protocol",
        "tcp, udp, sctp, icmp, icmpv6, igmp or a number",
        OF_IP,
    ),
    ("sport", "a port", OF_PORTS),
    ("dport", "a port", OF_PORTS),
    ("icmp", "a type from 0 to 255", OF_IP),
    ("fragment", "first or later", OF_IP),
    ("payload", "bytes in hexadecimal", ""),
    ("length", "a number of bytes, at most 65554", ""),
];

/// Words that are not used yet.
struct Words<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Words<'a> {
    fn split(text: &'a str) -> Result<Self, FieldsError> {
        let mut words = BTreeMap::new();
        for word in text.split_whitespace() {
            let Some((key, value)) = word.split_once('=') else {
                return Err(FieldsError(format!(
                    "`{word}` is no field: write it like to=52:54:00:00:00:02"
                )));
            };
            if KNOWN.iter().all(|known| known.0 != key) {
                let known: Vec<_> = KNOWN.iter().map(|known| known.0).collect();
                return Err(FieldsError(format!(
                    "`{key}` is no field: there are {}",
                    known.join(", ")
                )));
            }
            if words.insert(key, value).is_some() {
                return Err(FieldsError(format!("{key}= is said twice")));
            }
        }
        Ok(Self(words))
    }

    fn take<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, FieldsError> {
        let Some(value) = self.0.remove(key) else {
            return Ok(None);
        };
        let wanted = KNOWN
            .iter()
            .find(|known| known.0 == key)
            .map_or("", |known| known.1);
        let wrong = || FieldsError(format!("{key}={value}: it takes {wanted}"));
        read(value).map(Some).ok_or_else(wrong)
    }

    fn parse<T: FromStr>(&mut self, key: &str) -> Result<Option<T>, FieldsError> {
        self.take(key, |text| text.parse().ok())
    }
}

fn content(words: &mut Words<'_>) -> Result<Content, FieldsError> {
    if let Some(ether_type) = words.take("type", number)? {
        return Ok(Content::Other(ether_type));
    }
    let operation = words.take("arp", |text| match text {
        "request" => Some(1),
        "reply" => Some(2),
        _ => None,
    })?;
    if let Some(operation) = operation {
        return Ok(Content::Arp {
            operation,
            sender: words.parse("sender")?.unwrap_or(Ipv4Addr::UNSPECIFIED),
            target: words.parse("target")?.unwrap_or(Ipv4Addr::UNSPECIFIED),
        });
    }
    let (source, destination) = match (words.parse("src")?, words.parse("dst")?) {
        (None, None) => return Ok(Content::default()),
        (Some(source), Some(destination)) => (source, destination),
        (None, Some(_)) => return Err(FieldsError("dst= alone: say src= too".into())),
        (Some(_), None) => return Err(FieldsError("src= alone: say dst= too".into())),
    };
    if IpAddr::is_ipv4(&source) != IpAddr::is_ipv4(&destination) {
        let both =
            format!("src={source} and dst={destination} are of two versions of IP: choose one");
        return Err(FieldsError(both));
    }
    ip(words, source, destination).map(Content::Ip)
}

fn ip(words: &mut Words<'_>, source: IpAddr, destination: IpAddr) -> Result<Ip, FieldsError> {
    let icmp = words.parse("icmp")?;
    let of_icmp = if source.is_ipv4() {
        protocol::ICMP
    } else {
        protocol::ICMPV6
    };
    let protocol = match (words.take("protocol", protocol)?, icmp) {
        (None, Some(_)) => of_icmp,
        (Some(said), Some(_)) if said != of_icmp => {
            return Err(FieldsError(format!(
                "icmp= is a type of protocol {of_icmp} there, not of {said}"
            )));
        }
        (said, _) => said.unwrap_or(protocol::UDP),
    };
    let mut ports = (0, 0);
    if matches!(protocol, protocol::TCP | protocol::UDP | protocol::SCTP) {
        ports = (
            words.parse("sport")?.unwrap_or(0),
            words.parse("dport")?.unwrap_or(0),
        );
    }
    let target: Option<Ipv6Addr> = match icmp {
        Some(135 | 136) if source.is_ipv6() => {
            Some(words.parse("target")?.unwrap_or(Ipv6Addr::UNSPECIFIED))
        }
        _ => None,
    };
    let fragment = words.take("fragment", |text| match text {
        "first" => Some(Fragment::First),
        "later" => Some(Fragment::Later),
        _ => None,
    })?;
    Ok(Ip {
        source,
        destination,
        protocol,
        ports,
        kind: icmp.unwrap_or(8),
        target,
        fragment,
    })
}

fn protocol(text: &str) -> Option<u8> {
    Some(match text {
        "tcp" => protocol::TCP,
        "udp" => protocol::UDP,
        "sctp" => protocol::SCTP,
        "icmp" => protocol::ICMP,
        "icmpv6" => protocol::ICMPV6,
        "igmp" => protocol::IGMP,
        _ => return text.parse().ok(),
    })
}

fn vlans(text: &str) -> Option<Vec<VlanId>> {
    let vlan = |text: &str| text.parse().ok().map(VlanId).filter(|vlan| vlan.is_valid());
    text.split(',').map(vlan).collect()
}

fn number(text: &str) -> Option<u16> {
    match text.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Bytes as hexadecimal digits, two each; colons and blanks between them do not count.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| *byte != b':' && !byte.is_ascii_whitespace())
        .map(|byte| (byte as char).to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    let pairs = digits.chunks(2);
    pairs
        .map(|pair| Some(pair[0] << 4 | pair.get(1)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::{Content, Neighbour, Packet, Part, Ports};

    const OWN: Mac = Mac([0x52, 0x54, 0, 0, 0, 1]);

    fn frame(text: &str) -> Vec<u8> {
        text.parse::<Fields>().unwrap().frame(Some(OWN)).unwrap()
    }

    fn error(text: &str) -> String {
        let fields = text.parse::<Fields>();
        fields
            .and_then(|fields| fields.frame(None))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn what_is_not_said_is_as_usual() {
        let frame = frame("");
        assert_eq!(
            frame[..14],
            [&[0xff; 6][..], &OWN.0, &[0x88, 0xb5]].concat()
        );
        assert_eq!(frame.len(), 60);
        let from = self::frame("from=02:00:00:00:00:09");
        assert_eq!(from[6..12], [2, 0, 0, 0, 0, 9]);
        assert_eq!(
            error(""),
            "the port has no address of its own yet: say from=MAC"
        );
    }

    #[test]
    fn tags_stand_in_the_order_in_which_they_are_said() {
        let frame = frame("vlan=10,20 type=0x88cc payload=0a:0b");
        assert_eq!(
            frame[12..24],
            [0x81, 0, 0, 10, 0x81, 0, 0, 20, 0x88, 0xcc, 0x0a, 0x0b]
        );
    }

    #[test]
    fn arp_and_neighbour_discovery_say_whose_address_is_whose() {
        let reply = frame("arp=reply sender=10.0.0.1 target=10.0.0.2");
        let Content::Arp(arp) = Packet::parse(&reply).unwrap().content else {
            panic!("{reply:02x?}");
        };
        assert_eq!((arp.operation, arp.sender_mac), (2, OWN));
        assert_eq!(
            (arp.sender, arp.target),
            ([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
        );
        let advertisement = frame("src=fe80::1 dst=ff02::1 icmp=136 target=fd00::7 vlan=5");
        let Content::Ip(ip) = Packet::parse(&advertisement).unwrap().content else {
            panic!("{advertisement:02x?}");
        };
        let Ok(Some(Neighbour::Advertisement { target, options })) = ip.neighbour() else {
            panic!("{advertisement:02x?}");
        };
        assert_eq!(target, "fd00::7".parse::<Ipv6Addr>().unwrap());
        assert_eq!(options.are_all(OWN), Ok(true));
    }

    #[test]
    fn a_frame_is_as_long_as_it_is_to_be() {
        let ip = |length: usize| {
            frame(&format!(
                "src=10.0.0.1 dst=10.0.0.2 protocol=tcp length={length}"
            ))
        };
        for length in [60, 1514, 9000, 65_549] {
            let frame = ip(length);
            assert_eq!(frame.len(), length);
            assert_eq!(frame[16..18], ((length - 14) as u16).to_be_bytes());
        }
        assert_eq!(
            error("from=02:00:00:00:00:01 src=::1 dst=::2 length=60 payload=0011223344556677"),
            "length=60 has no room for its headers: it takes 70 bytes"
        );
    }

    #[test]
    fn an_error_says_what_to_write_instead() {
        for (text, expected) in [
            (
                "hello",
                "`hello` is no field: write it like to=52:54:00:00:00:02",
            ),
            ("to=1 to=2", "to= is said twice"),
            ("to=1", "to=1: it takes an Ethernet address"),
            ("vlan=4096", "vlan=4096: it takes VLANs from 0 to 4095"),
            ("src=10.0.0.1", "src= alone: say dst= too"),
            (
                "src=10.0.0.1 dst=::1",
                "src=10.0.0.1 and dst=::1 are of two versions of IP: choose one",
            ),
            (
                "dport=80",
                "dport= does not go with the rest: it is for protocol=tcp, udp and sctp",
            ),
            (
                "arp=request src=10.0.0.1",
                "src= does not go with the rest: a frame is ARP, or IP, or has another type",
            ),
            (
                "src=::1 dst=::2 icmp=1 protocol=udp",
                "icmp= is a type of protocol 58 there, not of 17",
            ),
            (
                "src=::1 dst=::2 icmp=1 target=::3",
                "target= does not go with the rest: it is for arp= and for icmp=135 and icmp=136",
            ),
            ("payload=0", "payload=0: it takes bytes in hexadecimal"),
            (
                "length=70000",
                "length=70000: it takes a number of bytes, at most 65554",
            ),
        ] {
            assert_eq!(error(text), expected, "{text}");
        }
        assert!(
            error("form=02:00:00:00:00:01")
                .starts_with("`form` is no field: there are from, to, vlan")
        );
    }

    proptest! {
        #[test]
        fn a_frame_says_what_was_said(
            v6: bool, from: u128, to: u128, ports: (u16, u16),
            protocol in prop::sample::select(vec![("tcp", 6u8), ("udp", 17), ("sctp", 132), ("89", 89)]),
            piece in 0..3usize, vlans in prop::collection::vec(0..4096u16, 0..4),
        ) {
            let address = |bits: u128| if v6 { IpAddr::V6(bits.into()) } else { IpAddr::V4((bits as u32).into()) };
            let (source, destination) = (address(from), address(to));
            let mut text = format!("src={source} dst={destination} protocol={}", protocol.0);
            if protocol.1 != 89 {
                text += &format!(" sport={} dport={}", ports.0, ports.1);
            }
            text += ["", " fragment=first", " fragment=later"][piece];
            if !vlans.is_empty() {
                let vlans: Vec<_> = vlans.iter().map(u16::to_string).collect();
                text += &format!(" vlan={}", vlans.join(","));
            }
            let frame = frame(&text);
            let Content::Ip(ip) = Packet::parse(&frame).unwrap().content else {
                return Err(TestCaseError::fail(text));
            };
            prop_assert_eq!((ip.source, ip.destination, ip.protocol), (source, destination, Some(protocol.1)));
            prop_assert_eq!(ip.part, [Part::Whole, Part::First, Part::Later][piece]);
            let expected = match (protocol.1, ip.part) {
                (89, _) => Ports::None,
                (_, Part::Later) => Ports::InFirstFragment,
                _ => Ports::Are { source: ports.0, destination: ports.1 },
            };
            prop_assert_eq!(ip.ports(), expected);
        }

        #[test]
        fn any_text_is_a_frame_or_an_error(text in "([a-z]{2,8}=[0-9a-fx:.]{0,9} ?){0,4}") {
            if let Ok(fields) = text.parse::<Fields>() {
                let _ = fields.frame(Some(OWN));
            }
        }
    }
}
