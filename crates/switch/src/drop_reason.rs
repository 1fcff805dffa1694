//! Why a frame was not delivered. Every drop has one reason and one counter.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a frame was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[repr(usize)]
pub enum DropReason {
    /// The receiver had no buffers for longer than the hold allows, or was already known not to, or is
    /// not to be waited for ([`crate::WhenFull::Drop`]).
    NoBuffers,
    /// The frame fits in none of the receiver's buffers, however many it posts.
    BuffersTooSmall,
    /// The frame is larger than the sender's or the receiver's MTU allows.
    MtuExceeded,
    /// The frame is shorter than an Ethernet header.
    Runt,
    /// The source address is a group address, which no station has.
    InvalidSource,
    /// The source address is none that is configured for the port (MAC-spoofing guard).
    MacSpoofing,
    /// The guest speaks as a DHCP server (DHCP guard).
    DhcpGuard,
    /// The guest speaks as a router (router guard).
    RouterGuard,
    /// The guest uses an IP address that it may not use (address guard).
    AddressGuard,
    /// A guard needs to know what the frame's headers hide.
    HiddenHeaders,
    /// A rule of the port denies it.
    Denied,
    /// The destination lies behind the port that the frame came from.
    SamePort,
    /// No port but the sender is there to take it.
    NoReceiver,
    /// The sender or the receiver is not in the frame's VLAN, or must not use a tag.
    VlanNotAllowed,
    /// Both ports are isolated from each other, as such or by their roles in a private VLAN.
    Isolated,
    /// The destination is a link-local group, which does not pass this port or this network.
    LinkLocal,
    /// A copy for a port that mirrors another, which had no buffers for it.
    MirrorNoBuffers,
    /// The virtio-net header asks for an offload that was not negotiated.
    OffloadNotNegotiated,
    /// The virtio-net header asks for an offload that the frame's own headers or length do not allow.
    BadOffload,
    /// The receiver's port may not be given as much ([`crate::policy::Bandwidth`]).
    BandwidthExceeded,
    /// One broadcast too many ([`crate::policy::StormLimits`]).
    BroadcastStorm,
    /// One multicast too many.
    MulticastStorm,
    /// One frame too many to a station that no filter knows.
    UnknownUnicastStorm,
    /// The sender's line lost it ([`crate::policy::Impairment`]), or had it still when its ring stopped.
    LineLoss,
    /// The sender's line had no room for one more.
    LineFull,
    /// The receiver's port failed or closed while the frame was on its way.
    ReceiverGone,
    /// The sender's memory vanished while the frame was copied.
    SenderGone,
}

impl DropReason {
    /// Every reason, in the order of the counters.
    pub const ALL: [Self; 27] = [
        Self::NoBuffers,
        Self::BuffersTooSmall,
        Self::MtuExceeded,
        Self::Runt,
        Self::InvalidSource,
        Self::MacSpoofing,
        Self::DhcpGuard,
        Self::RouterGuard,
        Self::AddressGuard,
        Self::HiddenHeaders,
        Self::Denied,
        Self::SamePort,
        Self::NoReceiver,
        Self::VlanNotAllowed,
        Self::Isolated,
        Self::LinkLocal,
        Self::MirrorNoBuffers,
        Self::OffloadNotNegotiated,
        Self::BadOffload,
        Self::BandwidthExceeded,
        Self::BroadcastStorm,
        Self::MulticastStorm,
        Self::UnknownUnicastStorm,
        Self::LineLoss,
        Self::LineFull,
        Self::ReceiverGone,
        Self::SenderGone,
    ];

    /// The name shown by `vmq status`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoBuffers => "no-buffers",
            Self::BuffersTooSmall => "buffers-too-small",
            Self::MtuExceeded => "mtu-exceeded",
            Self::Runt => "runt",
            Self::InvalidSource => "invalid-source",
            Self::MacSpoofing => "mac-spoofing",
            Self::DhcpGuard => "dhcp-guard",
            Self::RouterGuard => "router-guard",
            Self::AddressGuard => "address-guard",
            Self::HiddenHeaders => "hidden-headers",
            Self::Denied => "denied",
            Self::SamePort => "same-port",
            Self::NoReceiver => "no-receiver",
            Self::VlanNotAllowed => "vlan-not-allowed",
            Self::Isolated => "isolated",
            Self::LinkLocal => "link-local",
            Self::MirrorNoBuffers => "mirror-no-buffers",
            Self::OffloadNotNegotiated => "offload-not-negotiated",
            Self::BadOffload => "bad-offload",
            Self::BandwidthExceeded => "bandwidth-exceeded",
            Self::BroadcastStorm => "broadcast-storm",
            Self::MulticastStorm => "multicast-storm",
            Self::UnknownUnicastStorm => "unknown-unicast-storm",
            Self::LineLoss => "line-loss",
            Self::LineFull => "line-full",
            Self::ReceiverGone => "receiver-gone",
            Self::SenderGone => "sender-gone",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_stands_at_its_own_counter() {
        for (at, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, at, "{reason}");
        }
    }
}
