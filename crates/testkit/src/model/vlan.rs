//! What VLANs and isolation mean, in the plainest words.

use std::collections::BTreeSet;

/// What a port is asked to keep to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Its VLANs.
    pub vlans: Vlans,
    /// It talks to no other isolated port.
    pub isolated: bool,
    /// Link-local groups pass.
    pub link_local: bool,
    /// It sends from the addresses of its own filters only.
    pub guarded: bool,
}

/// A port's VLANs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Vlans {
    /// All, as they are.
    #[default]
    Transparent,
    /// None.
    Untagged,
    /// One, untagged.
    Access(u16),
    /// Several, tagged; the native one untagged.
    Trunk {
        /// Which.
        allowed: BTreeSet<u16>,
        /// The untagged one.
        native: Option<u16>,
    },
    /// One, untagged, as far as the role goes.
    Private {
        /// Which.
        primary: u16,
        /// `None`: promiscuous; 0: isolated; else the community.
        community: Option<u16>,
    },
}

/// A frame's outer tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    kind: [u8; 2],
    priority: u8,
    pub(super) vlan: u16,
}

/// The outer tag and the frame without it. `Err` for a frame that ends inside its tag.
pub(super) fn untag(frame: &[u8]) -> Result<(Option<Tag>, Vec<u8>), ()> {
    let kind = [frame[12], frame[13]];
    if kind != [0x81, 0x00] && kind != [0x88, 0xa8] {
        return Ok((None, frame.to_vec()));
    }
    if frame.len() < 18 {
        return Err(());
    }
    let tag = Tag {
        kind,
        priority: frame[14] >> 4,
        vlan: u16::from(frame[14] & 15) << 8 | u16::from(frame[15]),
    };
    let mut bare = frame[..12].to_vec();
    bare.extend(&frame[16..]);
    Ok((Some(tag), bare))
}

impl Vlans {
    /// The VLAN of a frame from the port, if it may send it; 0 is none.
    pub(super) fn of(&self, tag: Option<Tag>) -> Option<u16> {
        let named = tag.map_or(0, |tag| tag.vlan);
        match self {
            Vlans::Transparent => Some(named),
            Vlans::Trunk { allowed, native } => match named {
                0 => *native,
                _ if allowed.contains(&named) || *native == Some(named) => Some(named),
                _ => None,
            },
            Vlans::Untagged if named == 0 => Some(0),
            Vlans::Access(own) | Vlans::Private { primary: own, .. } if named == 0 => Some(*own),
            _ => None,
        }
    }

    /// A frame of `vlan`, sent with `tag`, as the port is given it; `None` if it is not.
    pub(super) fn give(&self, vlan: u16, tag: Option<Tag>, bare: &[u8]) -> Option<Vec<u8>> {
        let is_tagged = match self {
            // A priority without a VLAN passes as it is.
            Vlans::Transparent => vlan != 0 || tag.is_some(),
            Vlans::Trunk { allowed, native } => {
                if *native == Some(vlan) {
                    false
                } else if allowed.contains(&vlan) {
                    true
                } else {
                    return None;
                }
            }
            Vlans::Untagged if vlan == 0 => false,
            Vlans::Access(own) | Vlans::Private { primary: own, .. } if *own == vlan => false,
            _ => return None,
        };
        let mut frame = bare.to_vec();
        if is_tagged {
            let (kind, priority) = tag.map_or(([0x81, 0x00], 0), |tag| (tag.kind, tag.priority));
            let tci = u16::from(priority) << 12 | vlan;
            frame.splice(12..12, kind.into_iter().chain(tci.to_be_bytes()));
        }
        Some(frame)
    }
}

/// Whether two ports may talk to each other in `vlan`.
pub(super) fn may_talk(one: &Policy, other: &Policy, vlan: u16) -> bool {
    let community = |policy: &Policy| match policy.vlans {
        Vlans::Private { primary, community } if primary == vlan => community,
        _ => None,
    };
    if one.isolated && other.isolated {
        return false;
    }
    match (community(one), community(other)) {
        (Some(one), Some(other)) => one == other && one != 0,
        _ => true,
    }
}
