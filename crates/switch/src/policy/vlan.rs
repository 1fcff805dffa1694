//! VLANs: which one a frame is in, who is in it, and how each of them wants its frames tagged.
//!
//! ```text
//!  from a port ── classified ──▶ VLAN 10, sent with this tag or none ── for each receiver ──▶ as sent
//!                  │                                                    │                     without a tag
//!                  └▶ vlan-not-allowed                                  └▶ not a member       with the tag of VLAN 10
//! ```
//!
//! The outer tag decides, be it a customer's (802.1Q) or a service's (802.1ad); what is behind it is carried as it is. A tag
//! with VLAN 0 is a priority without a VLAN: such a frame is taken for an untagged one, and its priority is kept where it gets
//! a tag.

use nbl::Tag;
use vmq::VlanId;

use super::settings::{PrivateRole, VlanMode};
use super::values::VlanSet;
use crate::DropReason;

/// A port's part in VLANs, as workers act on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Vlans {
    /// All, tags as they are.
    #[default]
    Transparent,
    /// This one (0: none), without a tag.
    One(VlanId),
    /// Several, with a tag, but for the native one.
    Trunk {
        allowed: VlanSet,
        native: Option<VlanId>,
    },
    /// This one, without a tag, as far as the role goes.
    Private { primary: VlanId, role: Role },
}

/// A part in a private VLAN (RFC 5517).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Isolated,
    Community(VlanId),
    Promiscuous,
}

/// Where a frame was found to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Class {
    /// Its VLAN; 0: none.
    pub(crate) vlan: VlanId,
    /// The outer tag that it was sent with.
    pub(crate) tag: Option<Tag>,
    /// It is for the next bridge (01-80-C2-00-00-0X), and passes ports that let such frames pass.
    pub(crate) is_link_local: bool,
}

/// How a receiver wants a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it was sent.
    AsSent,
    /// Without an outer tag.
    Bare,
    /// With this one.
    Tagged(Tag),
}

impl Class {
    /// The tag of the frame's VLAN, with the priority that the frame was sent with.
    pub(crate) fn own_tag(&self) -> Tag {
        let untagged = Tag {
            kind: Tag::CUSTOMER,
            tci: 0,
        };
        self.tag.unwrap_or(untagged).with_vlan(self.vlan.0)
    }
}

impl Vlans {
    pub(crate) fn new(asked: &VlanMode) -> Self {
        match asked {
            VlanMode::Transparent => Self::Transparent,
            VlanMode::Untagged => Self::One(VlanId::UNTAGGED),
            VlanMode::Access(vlan) => Self::One(*vlan),
            VlanMode::Trunk { allowed, native } => Self::Trunk {
                allowed: allowed.clone(),
                native: *native,
            },
            VlanMode::Private { primary, role } => Self::Private {
                primary: *primary,
                role: match role {
                    PrivateRole::Isolated => Role::Isolated,
                    PrivateRole::Community(vlan) => Role::Community(*vlan),
                    PrivateRole::Promiscuous => Role::Promiscuous,
                },
            },
        }
    }

    /// The VLAN of a frame that the port's guest sends with the outer tag `tag`.
    pub(crate) fn classify(&self, tag: Option<Tag>) -> Result<VlanId, DropReason> {
        let named = tag.map_or(VlanId::UNTAGGED, |tag| VlanId(tag.vlan()));
        let found = match self {
            Self::Transparent => Some(named),
            Self::One(vlan) | Self::Private { primary: vlan, .. } => {
                (named == VlanId::UNTAGGED).then_some(*vlan)
            }
            Self::Trunk { native, .. } if named == VlanId::UNTAGGED => *native,
            Self::Trunk { allowed, native } => {
                (allowed.contains(named) || Some(named) == *native).then_some(named)
            }
        };
        found.ok_or(DropReason::VlanNotAllowed)
    }

    /// How the port's guest is given a frame; `None` if it is not in the frame's VLAN.
    fn form(&self, class: &Class) -> Option<Form> {
        let vlan = class.vlan;
        match self {
            Self::Transparent => Some(tagged(class)),
            Self::One(own) | Self::Private { primary: own, .. } => {
                (vlan == *own).then_some(Form::Bare)
            }
            Self::Trunk { native, .. } if Some(vlan) == *native => Some(Form::Bare),
            Self::Trunk { allowed, .. } => allowed.contains(vlan).then(|| tagged(class)),
        }
    }

    /// Its part in a VLAN. Whoever is in a private VLAN and has no part of its own is promiscuous: there is the way out.
    fn role_in(&self, vlan: VlanId) -> Role {
        match self {
            Self::Private { primary, role } if *primary == vlan => *role,
            _ => Role::Promiscuous,
        }
    }
}

impl Role {
    fn may_talk_to(self, other: Self) -> bool {
        match (self, other) {
            (Self::Promiscuous, _) | (_, Self::Promiscuous) => true,
            (Self::Community(one), Self::Community(other)) => one == other,
            _ => false,
        }
    }
}

/// How the port `to` gets a frame of `class` that the port `from` sent.
///
/// # Errors
/// Why it does not get it.
pub(crate) fn admit(from: &Vlans, to: &Vlans, class: &Class) -> Result<Form, DropReason> {
    let form = to.form(class).ok_or(DropReason::VlanNotAllowed)?;
    if !from.role_in(class.vlan).may_talk_to(to.role_in(class.vlan)) {
        return Err(DropReason::Isolated);
    }
    Ok(form)
}

/// With the tag of its VLAN, if it is in one.
fn tagged(class: &Class) -> Form {
    match class.tag {
        Some(tag) if tag.vlan() == class.vlan.0 => Form::AsSent,
        None if class.vlan == VlanId::UNTAGGED => Form::AsSent,
        _ => Form::Tagged(class.own_tag()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trunk(allowed: &str, native: Option<u16>) -> Vlans {
        Vlans::new(&VlanMode::Trunk {
            allowed: allowed.parse().unwrap(),
            native: native.map(VlanId),
        })
    }

    fn private(role: PrivateRole) -> Vlans {
        Vlans::new(&VlanMode::Private {
            primary: VlanId(7),
            role,
        })
    }

    fn tag(tci: u16) -> Option<Tag> {
        Some(Tag {
            kind: Tag::CUSTOMER,
            tci,
        })
    }

    fn class(from: &Vlans, tag: Option<Tag>) -> Option<Class> {
        let vlan = from.classify(tag).ok()?;
        Some(Class {
            vlan,
            tag,
            is_link_local: false,
        })
    }

    /// The form in which a frame that `from` sends with `tag` comes to `to`.
    fn sent(from: &Vlans, tag: Option<Tag>, to: &Vlans) -> Result<Form, DropReason> {
        let class = class(from, tag).ok_or(DropReason::VlanNotAllowed)?;
        admit(from, to, &class)
    }

    const REFUSED: Result<Form, DropReason> = Err(DropReason::VlanNotAllowed);

    #[test]
    fn each_mode_takes_its_own_frames_and_no_others() {
        let of = |mode: &Vlans, tag| class(mode, tag).map(|class| class.vlan.0);
        let access = Vlans::One(VlanId(10));
        // Untagged, priority only, VLAN 10, VLAN 11.
        let tags = [None, tag(0xe000), tag(0x200a), tag(11)];
        let all = |mode: &Vlans| tags.map(|tag| of(mode, tag));
        assert_eq!(
            all(&Vlans::Transparent),
            [Some(0), Some(0), Some(10), Some(11)]
        );
        assert_eq!(all(&Vlans::One(VlanId(0))), [Some(0), Some(0), None, None]);
        assert_eq!(all(&access), [Some(10), Some(10), None, None]);
        assert_eq!(all(&trunk("10", None)), [None, None, Some(10), None]);
        assert_eq!(
            all(&trunk("10", Some(11))),
            [Some(11), Some(11), Some(10), Some(11)]
        );
        assert_eq!(
            all(&private(PrivateRole::Isolated)),
            [Some(7), Some(7), None, None]
        );
    }

    #[test]
    fn each_receiver_gets_the_tag_that_it_wants() {
        let (access, other) = (Vlans::One(VlanId(10)), Vlans::One(VlanId(11)));
        let (to_trunk, native) = (trunk("10-12", None), trunk("12", Some(10)));
        let with = |tci| Ok(Form::Tagged(tag(tci).unwrap()));
        for (from, sent_with, to, form) in [
            (&access, None, &access, Ok(Form::Bare)),
            (&access, None, &other, REFUSED),
            (&access, None, &to_trunk, with(10)),
            (&access, tag(0xa000), &to_trunk, with(0xa00a)),
            (&access, None, &native, Ok(Form::Bare)),
            (&access, None, &Vlans::Transparent, with(10)),
            (&to_trunk, tag(0x600a), &access, Ok(Form::Bare)),
            (&to_trunk, tag(0x600a), &to_trunk, Ok(Form::AsSent)),
            (&to_trunk, tag(12), &native, Ok(Form::AsSent)),
            (&to_trunk, tag(11), &native, REFUSED),
            (&native, None, &to_trunk, with(10)),
            (
                &Vlans::Transparent,
                tag(0xe000),
                &Vlans::Transparent,
                Ok(Form::AsSent),
            ),
            (&Vlans::Transparent, None, &to_trunk, REFUSED),
            (
                &Vlans::Transparent,
                tag(0xe000),
                &Vlans::One(VlanId(0)),
                Ok(Form::Bare),
            ),
        ] {
            let case = format!("{from:?} {sent_with:?} {to:?}");
            assert_eq!(sent(from, sent_with, to), form, "{case}");
        }
    }

    #[test]
    fn a_service_tag_decides_like_any_other_and_is_kept() {
        let service = Some(Tag {
            kind: Tag::SERVICE,
            tci: 0x400a,
        });
        let (access, to_trunk) = (Vlans::One(VlanId(10)), trunk("10", None));
        assert_eq!(sent(&to_trunk, service, &to_trunk), Ok(Form::AsSent));
        assert_eq!(sent(&to_trunk, service, &access), Ok(Form::Bare));
        assert_eq!(sent(&access, service, &to_trunk), REFUSED);
    }

    /// RFC 5517, section 3.
    #[test]
    fn in_a_private_vlan_the_role_says_who_talks_to_whom() {
        let isolated = private(PrivateRole::Isolated);
        let [red, blue] = [1, 2].map(|vlan| private(PrivateRole::Community(VlanId(vlan))));
        let promiscuous = private(PrivateRole::Promiscuous);
        let (ordinary, outside) = (Vlans::One(VlanId(7)), Vlans::One(VlanId(8)));
        let forbidden = Err(DropReason::Isolated);
        for (a, b, may) in [
            (&isolated, &isolated, forbidden),
            (&isolated, &red, forbidden),
            (&red, &blue, forbidden),
            (&red, &red, Ok(Form::Bare)),
            (&isolated, &promiscuous, Ok(Form::Bare)),
            (&blue, &promiscuous, Ok(Form::Bare)),
            (&promiscuous, &promiscuous, Ok(Form::Bare)),
            (&isolated, &ordinary, Ok(Form::Bare)),
            (&isolated, &outside, REFUSED),
            (&promiscuous, &outside, REFUSED),
        ] {
            assert_eq!(sent(a, None, b), may, "{a:?} {b:?}");
            assert_eq!(sent(b, None, a), may, "{b:?} {a:?}");
        }
    }
}
