//! Durations as ISO 8601 writes them, without years and months, whose lengths nobody knows.

use std::time::Duration;

/// Parses `P[nW][nD][T[nH][nM][nS]]` with whole numbers, at least one of them.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let text = text.strip_prefix('P')?;
    let (date, time) = match text.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (text, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let days = parts(date, &[('W', 604_800), ('D', 86_400)])?;
    let seconds = parts(time, &[('H', 3600), ('M', 60), ('S', 1)])?;
    days.checked_add(seconds).map(Duration::from_secs)
}

/// Adds up the numbers of a text, each followed by its unit, in the order of the units.
fn parts(mut text: &str, units: &[(char, u64)]) -> Option<u64> {
    let mut sum = 0_u64;
    for (unit, seconds) in units {
        let Some((number, rest)) = text.split_once(*unit) else {
            continue;
        };
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number: u64 = number.parse().ok()?;
        sum = sum.checked_add(number.checked_mul(*seconds)?)?;
        text = rest;
    }
    text.is_empty().then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_they_are_written() {
        for (text, seconds) in [
            ("PT0S", 0),
            ("PT24H", 86_400),
            ("P1D", 86_400),
            ("P1W2DT3H4M5S", 788_645),
            ("PT90M", 5400),
        ] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_none() {
        for text in [
            "",
            "P",
            "PT",
            "P1",
            "1D",
            "PD",
            "P1H",
            "PT1D",
            "P1Y",
            "P1M",
            "P-1D",
            "P1.5D",
            "P1DT",
            "PT1S1H",
            "P 1D",
            "P99999999999999999999D",
            "P18446744073709551615W",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
