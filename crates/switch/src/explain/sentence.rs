//! Explanations in words.

use std::fmt;

use super::{Explanation, Fate, Form, Known, Reason, Receiver, Step};
use crate::policy::{Action, Guard, Objection, Ruling, Way};

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "from {}", self.port)?;
        for step in &self.steps {
            writeln!(f, "  {step}")?;
        }
        if let Some(reason) = self.dropped {
            writeln!(f, "  dropped: {reason}")?;
        }
        for receiver in &self.receivers {
            receiver.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.reason {
            Reason::Mirror => "copy to",
            Reason::Filter | Reason::Wire | Reason::Flood => "to",
        };
        writeln!(f, "{what} {}", self.port)?;
        for step in &self.steps {
            writeln!(f, "  {step}")?;
        }
        match self.fate {
            Fate::Delivered => writeln!(f, "  delivered, if there are buffers"),
            Fate::Dropped(reason) => writeln!(f, "  dropped: {reason}"),
            Fate::NotMeant => writeln!(f, "  not for this port"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning => f.write_str("machine: none runs at the port"),
            Self::Undone { mss, is_possible } => {
                let verdict = if *is_possible {
                    "possible"
                } else {
                    "not what its headers allow"
                };
                match mss {
                    None => write!(f, "offload: its checksum is to be made: {verdict}"),
                    Some(mss) => write!(
                        f,
                        "offload: it is to be cut into segments of {mss} bytes: {verdict}"
                    ),
                }
            }
            Self::Mtu { mtu, is_exceeded } => {
                write!(
                    f,
                    "mtu: {} {mtu}",
                    if *is_exceeded {
                        "larger than"
                    } else {
                        "within"
                    }
                )
            }
            Self::Guards(None) => f.write_str("guards: let it pass"),
            Self::Guards(Some(Objection { guard, is_hidden })) => {
                let guard = match guard {
                    Guard::MacSpoofing => "MAC-spoofing guard",
                    Guard::Dhcp => "DHCP guard",
                    Guard::Router => "router guard",
                    Guard::Address => "address guard",
                };
                match is_hidden {
                    true => write!(f, "guards: the {guard} cannot see what it needs to know"),
                    false => write!(f, "guards: the {guard} does not let it pass"),
                }
            }
            Self::Rules { way, ruling } => rules(f, *way, *ruling),
            Self::Hub => f.write_str("network: a hub, every frame to every other port"),
            Self::LinkLocal { passes } => {
                let verdict = if *passes { "pass" } else { "do not pass" };
                write!(
                    f,
                    "destination: the next bridge; such frames {verdict} the port"
                )
            }
            Self::Vlan { vlan: 0, tag: None } => f.write_str("vlan: none, sent without a tag"),
            Self::Vlan { vlan, tag: None } => write!(f, "vlan: {vlan}, sent without a tag"),
            Self::Vlan {
                vlan,
                tag: Some(tci),
            } => {
                let vlan = if *vlan == 0 {
                    "none".to_owned()
                } else {
                    vlan.to_string()
                };
                let (sent, priority) = (tci & 0xfff, tci >> 13);
                write!(f, "vlan: {vlan}, sent with tag {sent}, priority {priority}")
            }
            Self::Source(known) => write!(f, "source: {known}"),
            Self::Destination {
                filter,
                queue,
                port,
            } => match filter {
                Some(filter) => write!(
                    f,
                    "destination: filter {filter} leads to queue {queue}, port {port}"
                ),
                None => write!(f, "destination: learnt at queue {queue}, port {port}"),
            },
            Self::Flood => f.write_str("destination: a group, or known to nobody: to everybody"),
            Self::Groups {
                is_heard,
                is_narrowed,
            } => {
                let audience = if *is_narrowed {
                    "those who asked for it"
                } else {
                    "everybody"
                };
                let heard = if *is_heard {
                    ", and is listened to"
                } else {
                    ""
                };
                write!(f, "groups: it goes to {audience}{heard}")
            }
            Self::Copy {
                of,
                way: Way::FromGuest,
            } => write!(f, "mirror: of what {of} sends"),
            Self::Copy {
                of,
                way: Way::ToGuest,
            } => write!(f, "mirror: of what {of} receives"),
            Self::NotWanted => f.write_str("groups: nobody there asked for it"),
            Self::NotAdmitted(reason) => write!(f, "port: may not have it: {reason}"),
            Self::Form(Form::AsSent) => f.write_str("tag: as it was sent"),
            Self::Form(Form::Untagged) => f.write_str("tag: taken off"),
            Self::Form(Form::Tagged(tci)) => {
                write!(f, "tag: {}, priority {}", tci & 0xfff, tci >> 13)
            }
            Self::Ring {
                ring,
                hash: Some(hash),
            } => write!(f, "ring: {ring}, by hash {hash:#010x}"),
            Self::Ring { ring, hash: None } => write!(f, "ring: {ring}, for it has no hash"),
            Self::Finished { frames: 1 } => f.write_str("offload: its checksum is made for it"),
            Self::Finished { frames } => write!(f, "offload: it is cut into {frames} frames"),
        }
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configured(filter) => write!(f, "configured for the port, filter {filter}"),
            Self::Learnt => f.write_str("learnt at the port"),
            Self::New => f.write_str("new, would be learnt at the port"),
            Self::Moves(port) => write!(f, "learnt at port {port}, would move here"),
            Self::Elsewhere(port) => write!(f, "configured for port {port}, not learnt here"),
        }
    }
}

fn rules(f: &mut fmt::Formatter<'_>, way: Way, ruling: Option<Ruling>) -> fmt::Result {
    let way = match way {
        Way::FromGuest => "sends",
        Way::ToGuest => "receives",
    };
    let Some(Ruling {
        rule,
        action,
        in_doubt,
    }) = ruling
    else {
        return write!(f, "rules for what it {way}: none matches, it passes");
    };
    let action = match action {
        Action::Allow => "allows it",
        Action::Deny if in_doubt => "denies it, for it hides what the rule asks for",
        Action::Deny => "denies it",
    };
    write!(f, "rules for what it {way}: rule {rule} {action}")
}
