//! What to do about frames that were not delivered, for each reason.

use switch::DropReason;

/// What to do at the port where frames are counted as dropped for this reason. `None` for a reason of a newer switch.
pub(crate) fn on(reason: &str) -> Option<&'static str> {
    let known = DropReason::ALL.iter().find(|known| known.name() == reason);
    known.map(|known| of(*known))
}

const fn of(reason: DropReason) -> &'static str {
    match reason {
        DropReason::NoBuffers => {
            "its machine is too slow to take them: give it more CPU, more queue pairs or a larger ring"
        }
        DropReason::BuffersTooSmall => {
            "its machine's receive buffers are too small: lower the MTU of its peers, or have its driver post larger ones"
        }
        DropReason::MtuExceeded => {
            "larger than the port's MTU: raise `mtu`, or lower it in the machine that sends"
        }
        DropReason::Runt => "its machine sends less than an Ethernet header: its driver is broken",
        DropReason::InvalidSource => {
            "its machine sends from a group address: its driver is broken, or it attacks"
        }
        DropReason::MacSpoofing => {
            "its machine sends from other addresses than its own: add them to `filters`, or set mac_spoofing=true"
        }
        DropReason::DhcpGuard => {
            "its machine plays DHCP server: stop that, or set dhcp_guard=false if it is one"
        }
        DropReason::RouterGuard => {
            "its machine plays IPv6 router: stop that, or set router_guard=false if it is one"
        }
        DropReason::AddressGuard => {
            "its machine uses an IP address that it may not: add it to `allowed_addresses`, or ask who uses it"
        }
        DropReason::HiddenHeaders => {
            "a guard could not see the headers that it judges: fragments or chains of extension headers hide them"
        }
        DropReason::Denied => "a rule of the port denies them: `vmq explain` says which",
        DropReason::SamePort => {
            "its machine sends to an address behind its own port: a bridge in it may have a loop"
        }
        DropReason::NoReceiver => {
            "no other port of the network is there: are the other machines up, and in the same network?"
        }
        DropReason::VlanNotAllowed => {
            "not in a VLAN of the port, or with a tag where there may be none: compare `vlan` of both ports with what the machines send"
        }
        DropReason::Isolated => {
            "the ports are isolated from each other: change `isolated` or the role in `vlan.private` if they are to talk"
        }
        DropReason::LinkLocal => {
            "STP, LACP or LLDP, which a bridge does not pass: set link_local=true at both ports, or mode=hub for the network, if it should"
        }
        DropReason::MirrorNoBuffers => {
            "its machine is too slow to take all copies of another port's frames: give it more CPU or a larger ring, or mirror one direction"
        }
        DropReason::OffloadNotNegotiated => {
            "its machine asks for an offload that it did not negotiate: its driver is broken"
        }
        DropReason::BadOffload => {
            "its machine asks for an offload that the frame does not allow: its driver is broken, or it attacks"
        }
        DropReason::BandwidthExceeded => {
            "more than its machine may be given: raise `bandwidth.to_guest`, or have its peers send less"
        }
        DropReason::BroadcastStorm => {
            "more broadcasts than its machine may send: look for a loop or a broken program in it, or raise `storm.broadcast`"
        }
        DropReason::MulticastStorm => {
            "more multicasts than its machine may send: look for what sends them, or raise `storm.multicast`"
        }
        DropReason::UnknownUnicastStorm => {
            "too many frames to stations that nobody knows: are these gone, or is something in its machine scanning?"
        }
        DropReason::LineLoss => "its line is set to lose frames: see its `impairment`",
        DropReason::LineFull => {
            "more than its line holds: send less, or lower the delay or raise the rate of its `impairment`"
        }
        DropReason::ReceiverGone => {
            "the receiver went away while they were on their way: nothing to do, unless it goes on"
        }
        DropReason::SenderGone => {
            "its machine's memory vanished while they were copied: nothing to do, unless it goes on"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_advice() {
        for reason in DropReason::ALL {
            assert_eq!(on(reason.name()), Some(of(reason)), "{reason}");
        }
        assert_eq!(on("of a newer switch"), None);
    }
}
