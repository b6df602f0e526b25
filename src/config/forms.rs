//! What can be written: times, sizes, rates, addresses, paths, words.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::written::FromText;
use super::{Network, Rate, SmtpSecurity};
use crate::ids::{GatewayDomain, Name};

impl FromText for Duration {
    const RIGHT: &'static str = "a time such as \"30s\", \"5m\" or \"1h 30m\"";

    fn from_text(raw: &str) -> Option<Self> {
        humantime::parse_duration(raw).ok()
    }

    fn from_integer(number: i64) -> Option<Self> {
        (number == 0).then_some(Self::ZERO)
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Bytes(usize);

impl From<Bytes> for usize {
    fn from(bytes: Bytes) -> Self {
        bytes.0
    }
}

impl From<Bytes> for Option<usize> {
    fn from(bytes: Bytes) -> Self {
        Some(bytes.0)
    }
}

impl FromText for Bytes {
    const RIGHT: &'static str = "a number of bytes, or a size such as \"64 KiB\" or \"1 MiB\"";

    fn from_text(raw: &str) -> Option<Self> {
        let raw = raw.trim();
        let digits = raw.find(|c: char| !c.is_ascii_digit()).unwrap_or(raw.len());
        let (number, unit) = raw.split_at(digits);
        let factor: usize = match unit.trim_start() {
            "" | "B" => 1,
            "kB" => 1000,
            "MB" => 1000 * 1000,
            "GB" => 1000 * 1000 * 1000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return None,
        };
        number.parse::<usize>().ok()?.checked_mul(factor).map(Self)
    }

    fn from_integer(number: i64) -> Option<Self> {
        usize::try_from(number).ok().map(Self)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n > 0 && n.is_multiple_of(1 << 30) => write!(f, "{} GiB", n >> 30),
            n if n > 0 && n.is_multiple_of(1 << 20) => write!(f, "{} MiB", n >> 20),
            n if n > 0 && n.is_multiple_of(1 << 10) => write!(f, "{} KiB", n >> 10),
            n => write!(f, "{n} B"),
        }
    }
}

impl FromText for Rate {
    const RIGHT: &'static str = "a rate such as \"100 per 10s\"";

    fn from_text(raw: &str) -> Option<Self> {
        let (burst, period) = raw.split_once(" per ")?;
        let rate = Self {
            burst: burst.trim().parse().ok()?,
            period: Duration::from_text(period.trim())?,
        };
        // A bucket is refilled one by one: the pause between two must be at least a nanosecond.
        (rate.burst >= 1 && rate.period.as_nanos() >= u128::from(rate.burst)).then_some(rate)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = humantime::format_duration(self.period);
        write!(f, "{} per {period}", self.burst)
    }
}

macro_rules! numbers {
    ($($number:ty => $right:literal),+) => {$(
        impl FromText for $number {
            const RIGHT: &'static str = $right;

            fn from_text(raw: &str) -> Option<Self> {
                raw.trim().parse().ok()
            }

            fn from_integer(number: i64) -> Option<Self> {
                Self::try_from(number).ok()
            }
        }
    )+};
}

numbers! {
    u16 => "a port, 1 to 65535",
    u32 => "a whole number",
    usize => "a whole number"
}

impl FromText for bool {
    const RIGHT: &'static str = "true or false";

    fn from_text(raw: &str) -> Option<Self> {
        raw.trim().parse().ok()
    }

    fn from_switch(on: bool) -> Option<Self> {
        Some(on)
    }
}

impl FromText for String {
    const RIGHT: &'static str = "text without control characters, not empty";

    fn from_text(raw: &str) -> Option<Self> {
        (!raw.trim().is_empty() && !raw.contains(char::is_control)).then(|| raw.trim().into())
    }
}

impl FromText for PathBuf {
    const RIGHT: &'static str = "an absolute path";

    fn from_text(raw: &str) -> Option<Self> {
        let path = Self::from(raw);
        (path.is_absolute() && !raw.contains('\0')).then_some(path)
    }
}

impl FromText for SocketAddr {
    const RIGHT: &'static str = "an address with a port such as \"127.0.0.1:8443\" or \"[::]:443\"";

    fn from_text(raw: &str) -> Option<Self> {
        raw.trim().parse().ok()
    }
}

impl FromText for Name {
    const RIGHT: &'static str = "an account name: 1 to 63 of a-z, 0-9, _ and -";

    fn from_text(raw: &str) -> Option<Self> {
        Self::parse(raw).ok()
    }
}

impl FromText for GatewayDomain {
    const RIGHT: &'static str = "a host name such as \"gw.example.org\", in lower case";

    fn from_text(raw: &str) -> Option<Self> {
        Self::parse(raw).ok()
    }
}

impl FromText for Network {
    const RIGHT: &'static str =
        "a network such as \"10.1.0.0/16\" or \"fd00:1::/32\", with nothing after its prefix";

    fn from_text(raw: &str) -> Option<Self> {
        Self::parse(raw.trim())
    }
}

impl FromText for SmtpSecurity {
    const RIGHT: &'static str = "\"tls\", \"starttls\" or \"plain\"";

    fn from_text(raw: &str) -> Option<Self> {
        match raw {
            "tls" => Some(Self::Tls),
            "starttls" => Some(Self::StartTls),
            "plain" => Some(Self::Plain),
            _ => None,
        }
    }
}

impl FromText for log::LevelFilter {
    const RIGHT: &'static str = "\"off\", \"error\", \"warn\", \"info\", \"debug\" or \"trace\"";

    fn from_text(raw: &str) -> Option<Self> {
        raw.parse().ok()
    }
}

/// The shown form of a byte count, for messages.
pub(super) fn bytes(number: usize) -> String {
    Bytes(number).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        for (text, size) in [
            ("0", 0),
            ("512", 512),
            ("512 B", 512),
            ("64 KiB", 65_536),
            ("64KiB", 65_536),
            ("1 MiB", 1 << 20),
            ("2 GiB", 2 << 30),
            ("5 kB", 5000),
            ("5 MB", 5_000_000),
        ] {
            assert_eq!(Bytes::from_text(text), Some(Bytes(size)), "{text}");
        }
        for bad in [
            "",
            "KiB",
            "-1",
            "1.5 MiB",
            "1 kib",
            "1 TiB",
            "99999999999 GiB",
        ] {
            assert_eq!(Bytes::from_text(bad), None, "{bad}");
        }
    }

    #[test]
    fn rates_say_how_many_in_how_long() {
        let rate = Rate {
            burst: 100,
            period: Duration::from_secs(10),
        };
        assert_eq!(Rate::from_text("100 per 10s"), Some(rate));
        for bad in [
            "100",
            "100/10s",
            "0 per 10s",
            "1 per 0s",
            "100 per 10",
            "2 per 1ns",
            "-1 per 1s",
        ] {
            assert_eq!(Rate::from_text(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_time_needs_its_unit_but_zero_does_not() {
        assert_eq!(Duration::from_text("1h 30m"), Some(Duration::from_mins(90)));
        assert_eq!(Duration::from_integer(0), Some(Duration::ZERO));
        assert_eq!(Duration::from_integer(30), None);
        assert_eq!(Duration::from_text("30"), None);
    }

    #[test]
    fn paths_are_absolute_and_texts_not_empty() {
        assert!(PathBuf::from_text("/var/lib/meldgate").is_some());
        assert_eq!(PathBuf::from_text("data"), None);
        assert_eq!(PathBuf::from_text("/a\0b"), None);
        assert_eq!(String::from_text("  "), None);
        assert_eq!(String::from_text("a\nb"), None);
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(burst in 1_u32.., millis in 5000_u64..10_000_000, size in 0_usize..) {
            let rate = Rate { burst, period: Duration::from_millis(millis) };
            prop_assert_eq!(Rate::from_text(&rate.to_string()), Some(rate));
            prop_assert_eq!(Bytes::from_text(&Bytes(size).to_string()), Some(Bytes(size)));
        }

        #[test]
        fn no_text_makes_a_form_panic(raw in any::<String>()) {
            // Whatever is taken for a value is shown as one that is taken again.
            if let Some(size) = Bytes::from_text(&raw) {
                prop_assert_eq!(Bytes::from_text(&size.to_string()), Some(size));
            }
            if let Some(path) = PathBuf::from_text(&raw) {
                prop_assert!(path.is_absolute());
            }
            prop_assert!(Rate::from_text(&raw).is_none_or(|rate| rate.burst > 0));
            prop_assert!(u16::from_text(&raw).is_none() || SocketAddr::from_text(&raw).is_none());
        }
    }
}
