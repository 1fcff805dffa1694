//! DHCP (RFC 2131, RFC 8415): who speaks, a client or somebody who tells clients what to do.

use std::net::IpAddr;

use super::ip::{Ip, Part, Ports, protocol};

const SERVER_V4: u16 = 67;
const CLIENT_V4: u16 = 68;
const CLIENT_V6: u16 = 546;
const SERVER_V6: u16 = 547;

const UDP_HEADER: usize = 8;

impl Ip<'_> {
    /// Whether it is a message of a DHCP server or relay to a client, or of a server to a relay. `None` if that is not to be
    /// seen.
    ///
    /// Clients listen at one port and do not look where a message comes from, so whatever goes to that port is such a
    /// message; between the ports of servers and relays, the message says it itself.
    #[must_use]
    pub fn is_from_dhcp_server(&self) -> Option<bool> {
        if self.protocol? != protocol::UDP || self.part == Part::Later {
            return Some(false);
        }
        let Ports::Are {
            source,
            destination,
        } = self.ports()
        else {
            return None;
        };
        let (client, server) = match self.source {
            IpAddr::V4(_) => (CLIENT_V4, SERVER_V4),
            IpAddr::V6(_) => (CLIENT_V6, SERVER_V6),
        };
        if destination == client {
            return Some(true);
        }
        if destination != server && source != server {
            return Some(false);
        }
        let message = *self.body.get(UDP_HEADER)?;
        Some(match self.source {
            // BOOTREPLY.
            IpAddr::V4(_) => message == 2,
            // ADVERTISE, REPLY, RECONFIGURE, RELAY-REPL.
            IpAddr::V6(_) => matches!(message, 2 | 7 | 10 | 13),
        })
    }

    /// Whether it is a message of a DHCPv4 client, which may have no address yet.
    #[must_use]
    pub fn is_from_dhcp_client(&self) -> bool {
        let ports = Ports::Are {
            source: CLIENT_V4,
            destination: SERVER_V4,
        };
        self.source.is_ipv4()
            && self.protocol == Some(protocol::UDP)
            && self.part == Part::Whole
            && self.ports() == ports
    }
}
