//! Ethernet addresses, as people write them and as frames carry them.

use std::fmt;
use std::str::FromStr;

/// An Ethernet address, in the order of the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// ff:ff:ff:ff:ff:ff.
    pub const BROADCAST: Mac = Mac([0xff; 6]);

    /// Whether it names a group of stations (broadcast included) instead of one.
    #[inline]
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// As a number whose highest byte is the first octet.
    pub const fn number(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    /// The address whose [`number`](Mac::number) this is; more than 48 bits are cut off.
    pub const fn from_number(number: u64) -> Mac {
        let [_, _, a, b, c, d, e, f] = number.to_be_bytes();
        Mac([a, b, c, d, e, f])
    }

    /// Whether it names every station.
    #[inline]
    pub const fn is_broadcast(self) -> bool {
        matches!(self.0, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for Mac {
    type Err = ParseMacError;

    /// Reads `aa:bb:cc:dd:ee:ff` or `aa-bb-cc-dd-ee-ff`, in either case; one address keeps to one separator.
    fn from_str(text: &str) -> Result<Mac, ParseMacError> {
        let separator = match (text.contains(':'), text.contains('-')) {
            (true, true) => return Err(ParseMacError::MixedSeparators),
            (false, true) => '-',
            _ => ':',
        };
        let mut octets = [0; 6];
        let mut count = 0;
        for part in text.split(separator) {
            if let Some(octet) = octets.get_mut(count) {
                *octet = parse_octet(part).ok_or_else(|| ParseMacError::BadOctet {
                    position: count + 1,
                    text: part.into(),
                })?;
            }
            count += 1;
        }
        if count == octets.len() {
            Ok(Mac(octets))
        } else {
            Err(ParseMacError::WrongCount { found: count })
        }
    }
}

/// Why a text is not an Ethernet address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseMacError {
    /// Too few or too many octets.
    #[error("an Ethernet address has 6 octets, found {found}: write it like 52:54:00:12:34:56")]
    WrongCount {
        /// How many parts the text has.
        found: usize,
    },
    /// An octet is not two hexadecimal digits.
    #[error(
        "octet {position} is {text:?}: each octet of an Ethernet address is two hexadecimal digits"
    )]
    BadOctet {
        /// Which octet, the first is 1.
        position: usize,
        /// What stands there.
        text: String,
    },
    /// Both `:` and `-` in one address.
    #[error("':' and '-' are mixed: separate the octets of an Ethernet address by one of them")]
    MixedSeparators,
}

fn parse_octet(text: &str) -> Option<u8> {
    // from_str_radix alone would take "+f".
    let two_digits = text.len() == 2 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    if two_digits {
        u8::from_str_radix(text, 16).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac([0x52, 0x54, 0, 0xab, 0xcd, 0xef]);

    #[test]
    fn both_separators_and_both_cases_are_read() {
        for text in [
            "52:54:00:ab:cd:ef",
            "52-54-00-ab-cd-ef",
            "52:54:00:AB:CD:EF",
            "52-54-00-Ab-cD-eF",
        ] {
            assert_eq!(text.parse(), Ok(MAC), "{text}");
        }
    }

    #[test]
    fn an_address_is_written_in_lower_case_with_colons() {
        assert_eq!(MAC.to_string(), "52:54:00:ab:cd:ef");
    }

    #[test]
    fn the_error_says_what_is_wrong() {
        let error = |text: &str| text.parse::<Mac>().unwrap_err();
        assert_eq!(
            error(""),
            ParseMacError::BadOctet {
                position: 1,
                text: "".into()
            }
        );
        assert_eq!(
            error("525400abcdef"),
            ParseMacError::BadOctet {
                position: 1,
                text: "525400abcdef".into()
            }
        );
        assert_eq!(
            error("52:54:00:ab:cd"),
            ParseMacError::WrongCount { found: 5 }
        );
        assert_eq!(
            error("52:54:00:ab:cd:ef:01"),
            ParseMacError::WrongCount { found: 7 }
        );
        assert_eq!(
            error("52:54:0:ab:cd:ef"),
            ParseMacError::BadOctet {
                position: 3,
                text: "0".into()
            }
        );
        assert_eq!(
            error("52:54:00:ab:+d:ef"),
            ParseMacError::BadOctet {
                position: 5,
                text: "+d".into()
            }
        );
        assert_eq!(
            error("52:54:00:ab:cd:éf"),
            ParseMacError::BadOctet {
                position: 6,
                text: "éf".into()
            }
        );
        assert_eq!(error("52:54:00-ab-cd-ef"), ParseMacError::MixedSeparators);
        assert_eq!(
            error("52:54:00:ab:cd:zz").to_string(),
            "octet 6 is \"zz\": each octet of an Ethernet address is two hexadecimal digits"
        );
    }

    #[test]
    fn an_address_is_a_number_of_48_bits() {
        assert_eq!(MAC.number(), 0x5254_00ab_cdef);
        assert_eq!(Mac::from_number(0xffff_5254_00ab_cdef), MAC);
    }

    #[test]
    fn the_group_bit_tells_multicast() {
        assert!(Mac::BROADCAST.is_multicast() && Mac::BROADCAST.is_broadcast());
        assert!(
            Mac([0x01, 0, 0x5e, 0, 0, 1]).is_multicast()
                && !Mac([0x01, 0, 0x5e, 0, 0, 1]).is_broadcast()
        );
        assert!(!MAC.is_multicast() && !MAC.is_broadcast());
    }
}
