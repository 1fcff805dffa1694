//! What cannot be asked of a port, said before anything changes.

use std::fmt;

use vmq::{Filter, VlanId, VlanTest};

use super::packet::protocol;
use super::settings::{PortPolicy, PrivateRole, Rule, VlanMode};

/// Why a port cannot be so, in words for an administrator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Misfit {
    /// The setting, as it is called in a configuration: the keys that lead to it.
    pub keys: &'static [&'static str],
    /// What is wrong with it.
    pub problem: String,
    /// What to do.
    pub remedy: &'static str,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.problem, self.remedy)
    }
}

/// Whether a port can have such VLANs, such addresses in them, and be held to them.
///
/// # Errors
/// [`Misfit`], the first there is.
pub fn check(policy: &PortPolicy, filters: &[Filter]) -> Result<(), Misfit> {
    match &policy.vlan {
        VlanMode::Transparent | VlanMode::Untagged => {}
        VlanMode::Access(vlan) => exists(*vlan)?,
        VlanMode::Trunk { allowed, native } => {
            native.map_or(Ok(()), exists)?;
            if allowed.iter().next().is_none() && native.is_none() {
                return Err(Misfit {
                    keys: &["vlan", "trunk", "allowed"],
                    problem: "it is a trunk of no VLAN".to_owned(),
                    remedy: "allow some, or `all`",
                });
            }
        }
        VlanMode::Private { primary, role } => {
            exists(*primary)?;
            if let PrivateRole::Community(vlan) = role {
                exists(*vlan)?;
                if vlan == primary {
                    return Err(Misfit {
                        keys: &["vlan", "private", "role", "community"],
                        problem: format!("VLAN {vlan} is the primary VLAN itself"),
                        remedy: "give the community a VLAN of its own",
                    });
                }
            }
        }
    }
    filters
        .iter()
        .try_for_each(|filter| within(&policy.vlan, filter))?;
    if policy.mac_spoofing == Some(false) && filters.is_empty() {
        return Err(Misfit {
            keys: &["mac_spoofing"],
            problem: "without addresses nothing that the machine sends would pass".to_owned(),
            remedy: "add its addresses to `filters`, or leave it out",
        });
    }
    Ok(())
}

/// Whether there are frames that a rule could match.
///
/// # Errors
/// [`Misfit`] with the rule's own keys, the first there is.
pub fn check_rule(rule: &Rule) -> Result<(), Misfit> {
    let has_ports = matches!(
        rule.protocol,
        Some(protocol::TCP | protocol::UDP | protocol::SCTP)
    );
    let without = |keys| {
        Err(Misfit {
            keys,
            problem: "only TCP, UDP and SCTP have ports".to_owned(),
            remedy: "add protocol = 6, 17 or 132",
        })
    };
    match rule {
        _ if has_ports => {}
        Rule {
            local_port: Some(_),
            ..
        } => return without(&["local_port"]),
        Rule {
            remote_port: Some(_),
            ..
        } => return without(&["remote_port"]),
        _ => {}
    }
    match (rule.local_address, rule.remote_address) {
        (Some(local), Some(remote)) if local.address.is_ipv4() != remote.address.is_ipv4() => {
            Err(Misfit {
                keys: &["remote_address"],
                problem: "no frame has addresses of IPv4 and of IPv6".to_owned(),
                remedy: "write two rules",
            })
        }
        _ => Ok(()),
    }
}

/// The filter that a port of this VLAN mode has for an address of its machine: in its own VLAN, where it is in one only.
#[must_use]
pub fn filter_in(mode: &VlanMode, filter: Filter) -> Filter {
    let vlan = match (mode, filter.vlan) {
        (VlanMode::Untagged, VlanTest::Any) => VlanTest::UntaggedOrZero,
        (VlanMode::Access(vlan) | VlanMode::Private { primary: vlan, .. }, VlanTest::Any) => {
            VlanTest::Id(*vlan)
        }
        (_, vlan) => vlan,
    };
    Filter { vlan, ..filter }
}

fn exists(vlan: VlanId) -> Result<(), Misfit> {
    // 0 is "untagged" and 4095 is reserved (IEEE 802.1Q, 9.6).
    if (1..=4094).contains(&vlan.0) {
        return Ok(());
    }
    Err(Misfit {
        keys: &["vlan"],
        problem: format!("there is no VLAN {vlan}"),
        remedy: "use 1 to 4094",
    })
}

/// Whether an address can be the port's in the VLAN that it is said to be in.
fn within(mode: &VlanMode, filter: &Filter) -> Result<(), Misfit> {
    let is_own = match (mode, filter.vlan) {
        (VlanMode::Transparent, _) | (_, VlanTest::Any) => true,
        (VlanMode::Untagged, vlan) => vlan == VlanTest::UntaggedOrZero,
        (VlanMode::Access(own) | VlanMode::Private { primary: own, .. }, vlan) => {
            vlan == VlanTest::Id(*own)
        }
        (VlanMode::Trunk { allowed, native }, VlanTest::Id(vlan)) => {
            allowed.contains(vlan) || Some(vlan) == *native
        }
        (VlanMode::Trunk { .. }, VlanTest::UntaggedOrZero) => false,
    };
    if is_own {
        return Ok(());
    }
    let place = match filter.vlan {
        VlanTest::Id(vlan) => format!("in VLAN {vlan}, in which the port is not"),
        _ => "untagged, and the port is not".to_owned(),
    };
    Err(Misfit {
        keys: &["filters"],
        problem: format!("the address {} is {place}", filter.mac),
        remedy: "leave the address's VLAN out",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Action, VlanSet};
    use vmq::Mac;

    fn of(vlan: VlanMode, filters: &[VlanTest]) -> Result<(), Misfit> {
        let policy = PortPolicy {
            vlan,
            ..PortPolicy::default()
        };
        let filter = |vlan| Filter {
            mac: Mac([2, 0, 0, 0, 0, 1]),
            vlan,
        };
        let filters: Vec<_> = filters.iter().copied().map(filter).collect();
        check(&policy, &filters)
    }

    #[test]
    fn a_vlan_that_does_not_exist_is_refused_wherever_it_is_named() {
        for vlan in [0, 4095, 4096].map(VlanId) {
            let private = |role| VlanMode::Private {
                primary: VlanId(1),
                role,
            };
            for mode in [
                VlanMode::Access(vlan),
                VlanMode::Trunk {
                    allowed: "all".parse().unwrap(),
                    native: Some(vlan),
                },
                VlanMode::Private {
                    primary: vlan,
                    role: PrivateRole::Isolated,
                },
                private(PrivateRole::Community(vlan)),
            ] {
                let error = of(mode, &[]).unwrap_err();
                let said = format!("there is no VLAN {vlan}: use 1 to 4094");
                assert_eq!(error.to_string(), said);
            }
            assert!(of(private(PrivateRole::Community(VlanId(1))), &[]).is_err());
        }
        let nothing = VlanMode::Trunk {
            allowed: VlanSet::none(),
            native: None,
        };
        assert!(of(nothing, &[]).is_err());
    }

    #[test]
    fn a_machine_that_may_send_from_configured_addresses_only_has_one() {
        let policy = PortPolicy {
            mac_spoofing: Some(false),
            ..PortPolicy::default()
        };
        let misfit = check(&policy, &[]).unwrap_err();
        assert_eq!(misfit.keys, ["mac_spoofing"]);
        let filter = Filter {
            mac: Mac([2, 0, 0, 0, 0, 1]),
            vlan: VlanTest::Any,
        };
        assert_eq!(check(&policy, &[filter]), Ok(()));
    }

    #[test]
    fn a_rule_that_no_frame_can_match_is_refused() {
        let rule = Rule::any(Action::Deny);
        let web = |protocol| Rule {
            remote_port: Some("80".parse().unwrap()),
            protocol,
            ..rule.clone()
        };
        for protocol in [6, 17, 132] {
            assert_eq!(check_rule(&web(Some(protocol))), Ok(()));
        }
        for protocol in [None, Some(1)] {
            let misfit = check_rule(&web(protocol)).unwrap_err();
            assert_eq!(misfit.keys, ["remote_port"]);
        }
        let between = |local: &str, remote: &str| Rule {
            local_address: Some(local.parse().unwrap()),
            remote_address: Some(remote.parse().unwrap()),
            ..rule.clone()
        };
        assert_eq!(check_rule(&between("10.0.0.0/8", "0.0.0.0/0")), Ok(()));
        let misfit = check_rule(&between("10.0.0.0/8", "::/0")).unwrap_err();
        assert_eq!(misfit.keys, ["remote_address"]);
    }

    #[test]
    fn an_address_is_in_a_vlan_of_its_port() {
        let id = |vlan| VlanTest::Id(VlanId(vlan));
        let tests = [
            VlanTest::Any,
            VlanTest::UntaggedOrZero,
            id(5),
            id(10),
            id(1),
        ];
        let good = |mode: &VlanMode| tests.map(|test| of(mode.clone(), &[test]).is_ok());
        assert_eq!(good(&VlanMode::Transparent), [true; 5]);
        let untagged = [true, true, false, false, false];
        assert_eq!(good(&VlanMode::Untagged), untagged);
        let access = VlanMode::Access(VlanId(5));
        assert_eq!(good(&access), [true, false, true, false, false]);
        let trunk = VlanMode::Trunk {
            allowed: "10-12".parse().unwrap(),
            native: Some(VlanId(1)),
        };
        assert_eq!(good(&trunk), [true, false, false, true, true]);
        assert_eq!(
            of(access, &[id(6)]).unwrap_err().to_string(),
            "the address 02:00:00:00:00:01 is in VLAN 6, in which the port is not: leave the address's VLAN out"
        );
    }

    #[test]
    fn t6_an_address_without_a_vlan_is_in_the_one_of_its_port() {
        let filter = Filter {
            mac: Mac([2, 0, 0, 0, 0, 1]),
            vlan: VlanTest::Any,
        };
        let of = |mode| filter_in(&mode, filter).vlan;
        assert_eq!(of(VlanMode::Transparent), VlanTest::Any);
        assert_eq!(of(VlanMode::Untagged), VlanTest::UntaggedOrZero);
        assert_eq!(of(VlanMode::Access(VlanId(5))), VlanTest::Id(VlanId(5)));
    }
}
