//! Address resolution (RFC 826), and its reverse (RFC 903), which looks the same.

use std::net::Ipv4Addr;

use vmq::Mac;

/// A message of address resolution for IPv4 over Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// 1 and 3 ask, 2 and 4 answer.
    pub operation: u16,
    /// The MAC address that the sender says is its own.
    pub sender_mac: Mac,
    /// The IP address that the sender says is its own; 0.0.0.0 in a probe (RFC 5227).
    pub sender: Ipv4Addr,
    /// Whom it is about.
    pub target: Ipv4Addr,
}

impl Arp {
    /// `None` if it is cut off, or resolves other addresses than IPv4's over Ethernet. The hardware's number is not looked at:
    /// hosts take 1 and 6.
    pub(super) fn parse(message: &[u8]) -> Option<Self> {
        let [_, _, 8, 0, 6, 4, o0, o1, rest @ ..] = message.first_chunk::<28>()? else {
            return None;
        };
        let (mac, rest) = rest.split_first_chunk()?;
        let (sender, rest) = rest.split_first_chunk::<4>()?;
        let target = rest.last_chunk::<4>()?;
        Some(Self {
            operation: u16::from_be_bytes([*o0, *o1]),
            sender_mac: Mac(*mac),
            sender: (*sender).into(),
            target: (*target).into(),
        })
    }

    /// Whether it asks: whoever has no address yet may do that, and say none.
    #[must_use]
    pub fn is_request(self) -> bool {
        matches!(self.operation, 1 | 3)
    }
}
