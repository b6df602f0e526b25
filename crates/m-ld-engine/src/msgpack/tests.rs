//! Encoding and decoding agree, and input within no limit is refused.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Undefined),
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("a fraction", |number| number.fract() != 0.0
                && !number.is_nan())
            .prop_map(Value::Float),
        ".{0,40}".prop_map(Value::Str),
        vec(any::<u8>(), 0..300).prop_map(Value::Bin),
    ];
    leaf.prop_recursive(4, 60, 20, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..20).prop_map(Value::Array),
            vec(("[a-z@]{0,6}", inner), 0..20)
                .prop_map(|entries| Value::Map(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_is_encoded_is_decoded_to_the_same(value in value()) {
        let bytes = value.encode();
        prop_assert_eq!(&Value::decode(&bytes, Limits::default()), &Ok(value));
        let mut reader = Reader::new(&bytes, Limits::default());
        prop_assert_eq!(reader.skip(), Ok(&bytes[..]));
        prop_assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn a_value_cut_short_is_refused(value in value()) {
        let bytes = value.encode();
        for end in (0..bytes.len()).rev().take(200) {
            prop_assert!(Value::decode(&bytes[..end], Limits::default()).is_err());
            prop_assert!(Reader::new(&bytes[..end], Limits::default()).skip().is_err());
        }
    }

    #[test]
    fn integers_take_their_smallest_encoding(number in any::<i64>(), shift in 0..64_u32) {
        let number = number >> shift;
        let bytes = Value::Int(number).encode();
        let smallest = match number {
            -32..=127 => 1,
            -128..=255 => 2,
            -32_768..=65_535 => 3,
            -2_147_483_648..=4_294_967_295 => 5,
            _ => 9,
        };
        prop_assert_eq!(bytes.len(), smallest);
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in vec(any::<u8>(), 0..64)) {
        crate::fuzzing::msgpack(&bytes);
    }
}

#[test]
fn depth_is_limited_without_recursion() {
    for first in [&[0x91][..], &[0x81, 0xa1, b'a']] {
        let mut bytes = first.repeat(1_000_000);
        bytes.push(0xc0);
        let limits = Limits {
            max_elements: usize::MAX,
            max_depth: 100,
        };
        assert_eq!(Value::decode(&bytes, limits), Err(Error::TooDeep));
        assert_eq!(Reader::new(&bytes, limits).skip(), Err(Error::TooDeep));
        let within = [&first.repeat(100), &[0xc0][..]].concat();
        assert!(Value::decode(&within, limits).is_ok());
        assert!(Reader::new(&within, limits).skip().is_ok());
    }
}

#[test]
fn elements_are_limited_in_all() {
    let limits = Limits {
        max_elements: 5,
        max_depth: 9,
    };
    let four = [0x92, 0x91, 0xc0, 0xc0];
    let six = [0x93, 0x91, 0xc0, 0xc0, 0x91, 0xc0];
    assert!(Value::decode(&four, limits).is_ok());
    assert_eq!(Value::decode(&six, limits), Err(Error::TooMany));
    assert_eq!(Reader::new(&six, limits).skip(), Err(Error::TooMany));
}

#[test]
fn keys_that_are_no_strings_or_would_replace_a_prototype_are_refused() {
    for bytes in [
        &[0x81, 0x05, 0x05][..],
        b"\x81\xa9__proto__\x05",
        &[0x81, 0x80, 0x05],
    ] {
        assert_eq!(Value::decode(bytes, Limits::default()), Err(Error::Key));
        assert_eq!(
            Reader::new(bytes, Limits::default()).skip(),
            Err(Error::Key)
        );
    }
}

#[test]
fn bytes_after_a_value_are_refused() {
    assert_eq!(
        Value::decode(&[0xc0, 0xc0], Limits::default()),
        Err(Error::Trailing(1))
    );
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    // A surrogate half, as it would be if text were written unit by unit.
    assert_eq!(
        Value::decode(&[0xa3, 0xed, 0xa0, 0x80], Limits::default()),
        Err(Error::NotUtf8)
    );
}

#[test]
fn great_arrays_and_maps_are_written_as_they_are_read() {
    for len in [15, 16, 65_535, 65_536] {
        let array = Value::Array(vec![Value::Null; len]);
        let map: Map = (0..len).map(|at| (at.to_string(), Value::Null)).collect();
        for value in [array, Value::Map(map)] {
            assert_eq!(Value::decode(&value.encode(), Limits::default()), Ok(value));
        }
    }
}
