//! NDIS versions, as far as they change what a request may ask and what its structures hold.

use std::fmt;

/// A version of NDIS, such as 6.30.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NdisVersion {
    major: u8,
    minor: u8,
}

impl NdisVersion {
    /// Windows Vista SP1: no virtual machine queues yet (C7).
    pub const V6_1: NdisVersion = NdisVersion::new(6, 1);
    /// Windows 7, Server 2008 R2: virtual machine queues, with lookahead split.
    pub const V6_20: NdisVersion = NdisVersion::new(6, 20);
    /// Windows 8, Server 2012: filters on a MAC address alone, queues that move between processors; no lookahead split any
    /// more (L5).
    pub const V6_30: NdisVersion = NdisVersion::new(6, 30);
    /// Windows 10: queues name a scheduler queue.
    pub const V6_50: NdisVersion = NdisVersion::new(6, 50);

    /// A version by its two numbers; 6.30 is `new(6, 30)`.
    pub const fn new(major: u8, minor: u8) -> NdisVersion {
        NdisVersion { major, minor }
    }
}

impl fmt::Display for NdisVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_age() {
        let by_age = [
            NdisVersion::new(6, 0),
            NdisVersion::V6_1,
            NdisVersion::V6_20,
            NdisVersion::V6_30,
            NdisVersion::V6_50,
            NdisVersion::new(6, 89),
            NdisVersion::new(7, 0),
        ];
        assert!(by_age.is_sorted());
        assert_eq!(NdisVersion::V6_20.to_string(), "6.20");
    }
}
