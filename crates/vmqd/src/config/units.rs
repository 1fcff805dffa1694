//! Numbers as people write them: `1500`, `100M`, `64Ki`, `2.5G`.

/// Units and what they stand for.
const UNITS: [(&str, u128); 9] = [
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("k", 1_000),
    ("K", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
];

/// The most digits on either side of the point: with the largest unit still far below what 128 bits hold.
const MAX_DIGITS: usize = 20;

/// Reads a whole number, with a unit or without; `None` if it is none.
pub(super) fn number(text: &str) -> Option<i128> {
    let text = text.trim();
    let (text, sign) = text.strip_prefix('-').map_or((text, 1), |text| (text, -1));
    let found = UNITS.iter().find_map(|(unit, times)| {
        let number = text.strip_suffix(unit)?;
        Some((number, *times))
    });
    let (number, times) = found.unwrap_or((text, 1));
    let number = number.trim_end();
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| {
        let is_number = (1..=MAX_DIGITS).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u128>().ok()).flatten()
    };
    let scale = 10_u128.pow(u32::try_from(part.len().min(MAX_DIGITS)).ok()?);
    let (whole, part) = (digits(whole)?, digits(part)?);
    // What is left over would be a fraction of one.
    let fraction = part * times;
    if fraction % scale != 0 {
        return None;
    }
    let number = whole * times + fraction / scale;
    i128::try_from(number).ok().map(|number| sign * number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_thousands_or_powers_of_1024() {
        for (text, expected) in [
            ("0", 0),
            ("1500", 1500),
            ("9k", 9_000),
            ("100M", 100_000_000),
            ("2.5G", 2_500_000_000),
            ("64Ki", 65_536),
            ("1.5Mi", 1_572_864),
            ("10 G", 10_000_000_000),
            ("-3", -3),
            ("0.001k", 1),
            ("18446744073709551615", 18_446_744_073_709_551_615),
        ] {
            assert_eq!(number(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_whole_number_is_refused() {
        for text in [
            "",
            "k",
            "1.5",
            "1.",
            ".5",
            "1e3",
            "0x10",
            "1_000",
            "10m",
            "1 0",
            "0.0001k",
            "--1",
            "1.2.3",
            "١",
            "999999999999999999999",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
