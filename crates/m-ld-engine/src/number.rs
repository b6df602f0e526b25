//! Numbers as the JavaScript engine writes them in literals and in JSON (m-ld protocol, section
//! 4.6).

use crate::rdf::{Literal, vocab};

/// Integers beyond this are not exact in JavaScript.
const EXACT: u64 = 1 << 53;

/// The canonical lexical form of an `xs:double`: up to 16 significant digits with an exponent, as
/// `1.5E0`. Not a number, and infinities, are as in JavaScript.
pub fn canonical_double(number: f64) -> String {
    if !number.is_finite() {
        return js_text(number);
    }
    // Negative zero has no sign in JavaScript.
    let rounded = exponential(number + 0.0);
    let (mantissa, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
    let mantissa = mantissa.trim_end_matches('0');
    let zero = if mantissa.ends_with('.') { "0" } else { "" };
    [mantissa, zero, "E", exponent].concat()
}

/// Sixteen digits and an exponent. JavaScript rounds a tie away from zero, Rust to even.
fn exponential(number: f64) -> String {
    let (shorter, longer) = (format!("{number:.15e}"), format!("{number:.16e}"));
    let Some((digits, _)) = longer.split_once('e').filter(|(d, _)| d.ends_with('5')) else {
        return shorter;
    };
    // The exact value of a double ends within so many digits.
    let exact = format!("{number:.780e}");
    let tie = exact
        .strip_prefix(digits)
        .and_then(|rest| rest.split_once('e'))
        .is_some_and(|(rest, _)| rest.bytes().all(|digit| digit == b'0'));
    if !tie {
        return shorter;
    }
    // Any number between here and the next with as many digits rounds to the latter.
    let away = if number < 0.0 {
        number.next_down()
    } else {
        number.next_up()
    };
    format!("{away:.15e}")
}

/// A number as JavaScript makes a string of it (ECMAScript, `Number::toString`).
pub fn js_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number < 0.0 {
            "-Infinity"
        } else {
            "Infinity"
        }
        .to_owned();
    }
    if number == 0.0 {
        return "0".to_owned();
    }
    // Plain up to 21 digits before the point, or six zeros after it.
    if (1e-6..1e21).contains(&number.abs()) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) if !exponent.starts_with('-') => {
            [mantissa, "e+", exponent].concat()
        }
        _ => text,
    }
}

/// Whether a number in JSON is an `xs:double`; else it is an `xs:integer`. So it is if it is
/// written with a point, or is as great as 10^21.
pub fn is_double(number: f64) -> bool {
    number.abs() >= 1e21 || (number.fract() != 0.0 && js_text(number).contains('.'))
}

/// The lexical form of an integer. Beyond what JavaScript counts exactly it is rounded as there.
pub fn integer_text(number: f64) -> String {
    // Negative zero has no sign; what rounds to it has.
    if number == 0.0 {
        "0".to_owned()
    } else if number.is_finite() {
        format!("{number:.0}")
    } else {
        js_text(number)
    }
}

/// The literal that a number in JSON stands for.
pub fn literal(number: f64) -> Literal {
    if is_double(number) {
        Literal::typed(canonical_double(number), vocab::XS_DOUBLE)
    } else {
        Literal::typed(integer_text(number), vocab::XS_INTEGER)
    }
}

/// The lexical form of an integer that is not negative, as a JavaScript engine would have it.
pub(crate) fn uint_text(number: u64) -> String {
    if number <= EXACT {
        return number.to_string();
    }
    #[expect(clippy::cast_precision_loss, reason = "so it is in JavaScript")]
    integer_text(number as f64)
}

/// The lexical form of an integer, as a JavaScript engine would have it.
pub(crate) fn int_text(number: i64) -> String {
    match number.unsigned_abs() {
        magnitude if number < 0 => format!("-{}", uint_text(magnitude)),
        magnitude => uint_text(magnitude),
    }
}

/// The integer that a lexical form stands for, if it is its canonical form and exact in
/// JavaScript.
pub(crate) fn parse_exact(lexical: &str) -> Option<i64> {
    let digits = lexical.strip_prefix('-').unwrap_or(lexical);
    let canonical = match digits.as_bytes() {
        [b'0'] => lexical == "0",
        [b'1'..=b'9', rest @ ..] => rest.len() < 16 && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    let number: i64 = lexical.parse().ok().filter(|_| canonical)?;
    (number.unsigned_abs() < EXACT).then_some(number)
}

/// The number with which a text begins, as `parseFloat` finds it in JavaScript; else not a number.
pub fn parse_float(text: &str) -> f64 {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    if unsigned.starts_with("Infinity") {
        return sign * f64::INFINITY;
    }
    let digits = |from: usize| {
        let rest = unsigned.as_bytes().get(from..).unwrap_or_default();
        from + rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let byte = |at: usize| unsigned.as_bytes().get(at).copied();
    let whole = digits(0);
    let mut end = whole;
    let mut any = whole > 0;
    if byte(end) == Some(b'.') {
        let fraction = digits(end + 1);
        any |= fraction > end + 1;
        end = fraction;
    }
    if any && matches!(byte(end), Some(b'e' | b'E')) {
        let from = end + 1 + usize::from(matches!(byte(end + 1), Some(b'+' | b'-')));
        let exponent = digits(from);
        if exponent > from {
            end = exponent;
        }
    }
    let number = unsigned.get(..end).filter(|_| any);
    number
        .and_then(|number| number.parse::<f64>().ok())
        .map_or(f64::NAN, |number| sign * number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn doubles_have_the_canonical_form_of_javascript() {
        for (number, text) in [
            (0.0, "0.0E0"),
            (-0.0, "0.0E0"),
            (1.5, "1.5E0"),
            (-12.5, "-1.25E1"),
            (1e21, "1.0E21"),
            (0.1, "1.0E-1"),
            (123_456_789.123, "1.23456789123E8"),
            (5e-324, "4.940656458412465E-324"),
            (f64::MAX, "1.797693134862316E308"),
            // Ties, which JavaScript rounds away from zero.
            (2_251_799_813_685_248.5, "2.251799813685249E15"),
            (-2_251_799_813_685_248.5, "-2.251799813685249E15"),
            (2_251_799_813_685_249.5, "2.25179981368525E15"),
            (f64::INFINITY, "Infinity"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(canonical_double(number), text);
        }
    }

    #[test]
    fn numbers_have_the_text_of_javascript() {
        for (number, text) in [
            (1e21, "1e+21"),
            (1e20, "100000000000000000000"),
            (-1.5e300, "-1.5e+300"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (-0.0, "0"),
            (0.1, "0.1"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(js_text(number), text);
        }
    }

    #[test]
    fn a_number_is_an_integer_unless_javascript_writes_it_with_a_point() {
        for (number, lexical, datatype) in [
            (5.0, "5", vocab::XS_INTEGER),
            (5.5, "5.5E0", vocab::XS_DOUBLE),
            (1e21, "1.0E21", vocab::XS_DOUBLE),
            (-1e21, "-1.0E21", vocab::XS_DOUBLE),
            (1e20, "100000000000000000000", vocab::XS_INTEGER),
            (1e-7, "0", vocab::XS_INTEGER),
            (-1e-7, "-0", vocab::XS_INTEGER),
            (1.5e-7, "1.5E-7", vocab::XS_DOUBLE),
            (-0.0, "0", vocab::XS_INTEGER),
        ] {
            assert_eq!(
                literal(number),
                Literal::typed(lexical, datatype),
                "{number}"
            );
        }
        assert_eq!(uint_text(u64::MAX), "18446744073709551616");
        assert_eq!(int_text(i64::MIN), "-9223372036854775808");
    }

    #[test]
    fn only_canonical_integers_are_exact() {
        for lexical in ["0", "-1", "42", "9007199254740991"] {
            assert_eq!(parse_exact(lexical).unwrap().to_string(), lexical);
        }
        for lexical in [
            "-0",
            "+1",
            "01",
            "",
            "-",
            "1.0",
            "9007199254740993",
            "99999999999999999",
        ] {
            assert_eq!(parse_exact(lexical), None, "{lexical}");
        }
    }

    #[test]
    fn a_float_is_read_from_the_beginning_of_a_text() {
        for (text, number) in [
            (" 1.5abc", 1.5),
            ("-.5", -0.5),
            ("5.", 5.0),
            ("1e3x", 1000.0),
            ("1e", 1.0),
            ("1e+", 1.0),
            ("-Infinity!", f64::NEG_INFINITY),
        ] {
            assert_eq!(parse_float(text).to_bits(), f64::to_bits(number), "{text}");
        }
        for text in ["", "x", ".", "-", "e5", "é"] {
            assert!(parse_float(text).is_nan(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_canonical_double_reads_as_nearly_the_same_number(bits: u64) {
            let number = f64::from_bits(bits);
            if number.is_finite() {
                let again: f64 = canonical_double(number).parse().unwrap_or(f64::MAX);
                prop_assert!((again - number).abs() <= number.abs() * 1e-15);
                prop_assert_eq!(js_text(number).parse::<f64>(), Ok(number + 0.0));
            }
        }
    }
}
