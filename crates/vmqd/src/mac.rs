//! Addresses of single stations: which may be given to one, and which one to suggest.

use vmq::{Mac, ParseMacError};

/// Why a text is not the address of one station.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum StationError {
    #[error(transparent)]
    Syntax(#[from] ParseMacError),
    #[error("a group address belongs to no single machine: write one like 52:54:00:12:34:56")]
    Group,
    #[error("the address is all zero: write one like 52:54:00:12:34:56")]
    Zero,
}

/// Reads the address of one station.
pub(crate) fn station(text: &str) -> Result<Mac, StationError> {
    match text.parse::<Mac>()? {
        mac if mac == Mac::default() => Err(StationError::Zero),
        mac if mac.is_multicast() => Err(StationError::Group),
        mac => Ok(mac),
    }
}

/// A stable, locally administered address made from a port's name, so that a machine that is attached
/// again to the port of that name gets the same one.
pub(crate) fn suggested(port: &str) -> Mac {
    // FNV-1a, 64 bits, folded to 40: spreads short names well and is the same everywhere and for ever.
    let hash = port.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let [_, _, _, a, b, c, d, e] = (hash ^ (hash >> 40)).to_be_bytes();
    Mac([0x02, a, b, c, d, e])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn what_no_single_machine_can_have_is_refused() {
        assert_eq!(
            station("52:54:00:12:34:56"),
            Ok(Mac([0x52, 0x54, 0, 0x12, 0x34, 0x56]))
        );
        assert_eq!(station("01:00:5e:00:00:01"), Err(StationError::Group));
        assert_eq!(station("ff:ff:ff:ff:ff:ff"), Err(StationError::Group));
        assert_eq!(station("00:00:00:00:00:00"), Err(StationError::Zero));
        assert!(matches!(station("52:54:00"), Err(StationError::Syntax(_))));
    }

    #[test]
    fn suggested_addresses_never_change() {
        assert_eq!(suggested("p0").to_string(), "02:07:b5:7d:39:f5");
        assert_eq!(suggested("web-1").to_string(), "02:2e:09:3a:4d:dd");
    }

    #[test]
    fn suggested_addresses_are_local_unicast_and_differ() {
        let names = ["p", "vm", "guest-"]
            .iter()
            .flat_map(|stem| (0..1024).map(move |n| format!("{stem}{n}")));
        let macs: Vec<_> = names.map(|name| suggested(&name)).collect();
        assert_eq!(macs.iter().collect::<HashSet<_>>().len(), macs.len());
        assert!(macs.iter().all(|mac| mac.0[0] & 3 == 2));
    }
}
