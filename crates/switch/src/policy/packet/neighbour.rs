//! Neighbour discovery (RFC 4861): which address belongs to which station.

use std::net::{IpAddr, Ipv6Addr};

use vmq::Mac;

use super::ip::{Ip, Part, protocol};

/// A fact is not to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not to be seen")]
pub struct NotSeen;

/// A message of neighbour discovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Neighbour<'a> {
    /// Looks for routers; the options say where it comes from.
    RouterSolicitation(LinkAddresses<'a>),
    /// Says that there is a router.
    RouterAdvertisement(LinkAddresses<'a>),
    /// Asks who has an address, or, from nobody, whether somebody has it already (RFC 4862).
    Solicitation {
        /// The address.
        target: Ipv6Addr,
        /// Where it comes from.
        options: LinkAddresses<'a>,
    },
    /// Says who has an address.
    Advertisement {
        /// The address.
        target: Ipv6Addr,
        /// Who has it.
        options: LinkAddresses<'a>,
    },
    /// Says that another way is better. What it says of others is its router's business.
    Redirect,
}

/// The options of a message that say a MAC address: of the source, or of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkAddresses<'a>(&'a [u8]);

const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
const REDIRECT: u8 = 137;

const SOURCE_LINK_ADDRESS: u8 = 1;
const TARGET_LINK_ADDRESS: u8 = 2;

impl<'a> Ip<'a> {
    /// The message of neighbour discovery that it carries, if it does.
    ///
    /// # Errors
    /// [`NotSeen`] if that cannot be told, and for a message of which not every option is to be seen. One in fragments is
    /// such a message: hosts must not take it (RFC 6980).
    pub fn neighbour(&self) -> Result<Option<Neighbour<'a>>, NotSeen> {
        if self.source.is_ipv4() || self.part == Part::Later {
            return Ok(None);
        }
        if self.protocol.ok_or(NotSeen)? != protocol::ICMPV6 {
            return Ok(None);
        }
        let kind = *self.body.first().ok_or(NotSeen)?;
        if !matches!(kind, ROUTER_SOLICITATION..=REDIRECT) {
            return Ok(None);
        }
        if self.part != Part::Whole || !self.is_all {
            return Err(NotSeen);
        }
        let from = |at: usize| self.body.get(at..).map(LinkAddresses).ok_or(NotSeen);
        let target = || {
            let octets: [u8; 16] = *self
                .body
                .get(8..)
                .and_then(<[u8]>::first_chunk)
                .ok_or(NotSeen)?;
            Ok(Ipv6Addr::from(octets))
        };
        Ok(Some(match kind {
            ROUTER_SOLICITATION => Neighbour::RouterSolicitation(from(8)?),
            ROUTER_ADVERTISEMENT => Neighbour::RouterAdvertisement(from(16)?),
            SOLICITATION => Neighbour::Solicitation {
                target: target()?,
                options: from(24)?,
            },
            ADVERTISEMENT => Neighbour::Advertisement {
                target: target()?,
                options: from(24)?,
            },
            _ => Neighbour::Redirect,
        }))
    }

    /// Whether it is a report of multicast listener discovery, which may come from nobody (RFC 3590).
    #[must_use]
    pub fn is_listener_report(&self) -> bool {
        matches!(self.source, IpAddr::V6(_))
            && self.protocol == Some(protocol::ICMPV6)
            && self.part == Part::Whole
            && matches!(self.body.first(), Some(131 | 132 | 143))
    }
}

impl LinkAddresses<'_> {
    /// Whether every option that says a MAC address says `mac`.
    ///
    /// # Errors
    /// [`NotSeen`] where an option has no length, goes beyond the message or is too short for a MAC address: receivers must
    /// not take such a message either.
    pub fn are_all(self, mac: Mac) -> Result<bool, NotSeen> {
        let mut rest = self.0;
        while !rest.is_empty() {
            let len = match rest {
                [_, len, ..] if *len > 0 => usize::from(*len) * 8,
                _ => return Err(NotSeen),
            };
            let (option, behind) = rest.split_at_checked(len).ok_or(NotSeen)?;
            if matches!(option[0], SOURCE_LINK_ADDRESS | TARGET_LINK_ADDRESS)
                && option[2..8] != mac.0
            {
                return Ok(false);
            }
            rest = behind;
        }
        Ok(true)
    }
}
