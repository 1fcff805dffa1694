//! What Linux makes of frames that come with work left undone: recorded once, by `golden/record.py` of this crate.

use crate::net_header::NET_HEADER;

/// One frame, as a guest sends it and as a wire would have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Golden {
    /// What is special about it.
    pub name: &'static str,
    /// The virtio-net header.
    pub header: [u8; NET_HEADER],
    /// The frame behind it.
    pub frame: Vec<u8>,
    /// The frames that Linux made of it, in order; none if it refused.
    pub finished: Vec<Vec<u8>>,
}

/// All that were recorded.
///
/// # Panics
/// If the record is damaged.
pub fn all() -> Vec<Golden> {
    let mut cases: Vec<Golden> = Vec::new();
    for line in include_str!("../golden/linux.txt").lines() {
        let words: Vec<&'static str> = line.split_whitespace().collect();
        match (&*words, cases.last_mut()) {
            (&["case", name], _) => cases.push(Golden {
                name,
                header: [0; NET_HEADER],
                frame: Vec::new(),
                finished: Vec::new(),
            }),
            (&["in", header, frame], Some(case)) => {
                case.header.copy_from_slice(&bytes(header));
                case.frame = bytes(frame);
            }
            (&["out", frame], Some(case)) => case.finished.push(bytes(frame)),
            (&["#", ..], _) => {}
            _ => panic!("golden/linux.txt: no line of a record: {line}"),
        }
    }
    cases
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits
        .map(|pair| byte(pair).unwrap_or_else(|| panic!("golden/linux.txt: no hex: {hex}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_has_what_it_is_for() {
        let cases = all();
        for start in ["tcp4", "tcp6", "udp4", "udp6", "bad"] {
            let some = cases.iter().filter(|case| case.name.starts_with(start));
            assert!(some.count() > 4, "{start}");
        }
        let refused = |case: &&Golden| case.finished.is_empty();
        let bad = cases.iter().filter(refused).map(|case| case.name);
        assert!(bad.clone().all(|name| name.starts_with("bad")));
        assert_eq!(bad.count(), 5);
    }
}
