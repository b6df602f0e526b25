//! Messages that were made by hand, to be refused for one reason each, and some that were not.

use std::io::Write as _;

use super::*;
use crate::msgpack::{Error, Value, Writer};

/// What goes into a message; by default, the first operation of a domain.
struct Draft {
    version: u64,
    from: u64,
    time: Vec<u8>,
    update: Vec<u8>,
    encoding: Vec<u64>,
    prev: u64,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            version: 5,
            from: 1,
            time: vec![0x91, 0x01],
            update: vec![0x92, 0x80, 0x80],
            encoding: vec![1],
            prev: 0,
        }
    }
}

impl Draft {
    fn of(update: &[u8], encoding: &[u64]) -> Self {
        Self {
            update: update.to_vec(),
            encoding: encoding.to_vec(),
            ..Self::default()
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut operation = Vec::new();
        let mut out = Writer::new(&mut operation);
        out.array(7);
        out.uint(self.version);
        out.uint(self.from);
        operation.extend(&self.time);
        let mut out = Writer::new(&mut operation);
        out.bin(&self.update);
        out.array(self.encoding.len());
        for code in &self.encoding {
            out.uint(*code);
        }
        out.nil();
        out.nil();
        let mut message = Vec::new();
        let mut out = Writer::new(&mut message);
        out.map(3);
        out.str("prev");
        out.uint(self.prev);
        out.str("enc");
        out.bin(&operation);
        out.str("attr");
        out.nil();
        message
    }

    fn judge(&self) -> Result<(), WireError> {
        judge(&self.bytes(), &Limits::default()).map(drop)
    }
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn an_empty_operation_is_fine_in_every_encoding() {
    let empty = [0x92, 0x80, 0x80];
    for draft in [
        Draft::of(&empty, &[1]),
        Draft::of(&gzip(&empty), &[1, 2]),
        Draft::of(b"[{},{}]", &[0]),
        Draft::of(&gzip(b"[{},{}]"), &[0, 2]),
        Draft::of(b"a secret", &[1, 3]),
        Draft::of(b"a secret", &[1, 2, 3]),
    ] {
        assert_eq!(draft.judge(), Ok(()), "{:?}", draft.encoding);
    }
}

#[test]
fn encodings_that_nobody_sends_are_refused() {
    let sequences: [&[u64]; 9] = [
        &[],
        &[2],
        &[3],
        &[4],
        &[1, 1],
        &[2, 1],
        &[1, 3, 2],
        &[1, 2, 2],
        &[1, 2, 3, 3],
    ];
    for codes in sequences {
        let draft = Draft::of(&[0x92, 0x80, 0x80], codes);
        assert_eq!(draft.judge(), Err(WireError::Encoding), "{codes:?}");
    }
}

#[test]
fn a_bomb_costs_nothing() {
    let limits = Limits::default();
    let bomb = gzip(&vec![0; limits.max_inflated + 1]);
    assert!(bomb.len() < 10_000);
    assert_eq!(
        Draft::of(&bomb, &[1, 2]).judge(),
        Err(WireError::TooLargeInflated {
            size: limits.max_inflated + 1,
            limit: limits.max_inflated
        })
    );
}

#[test]
fn a_bomb_that_lies_about_its_length_is_not_unpacked_further() {
    let mut bomb = gzip(&vec![0; 1 << 26]);
    for size in [0_u32, 1, 100, 1000] {
        let at = bomb.len() - 4;
        bomb[at..].copy_from_slice(&size.to_le_bytes());
        assert!(matches!(
            Draft::of(&bomb, &[1, 2]).judge(),
            Err(WireError::Gzip(_))
        ));
    }
}

#[test]
fn a_length_that_cannot_be_is_not_allocated() {
    let mut short = gzip(&[0x92, 0x80, 0x80]);
    let at = short.len() - 4;
    short[at..].copy_from_slice(&(8_u32 << 20).to_le_bytes());
    assert_eq!(
        Draft::of(&short, &[1, 2]).judge(),
        Err(WireError::Gzip("it cannot be as long as it says"))
    );
}

#[test]
fn compressed_data_that_is_damaged_anywhere_is_refused() {
    let good = gzip(&Value::from("x").encode().repeat(9));
    // The time, the level and the system in the header are of no importance.
    for at in (0..4).chain(10..good.len()) {
        let mut bad = good.clone();
        bad[at] ^= 0x55;
        assert!(gzip::inflate(&bad, 1000).is_err(), "byte {at}");
        assert!(gzip::inflate(&good[..at], 1000).is_err(), "cut at {at}");
    }
    assert!(gzip::inflate(&[good.clone(), good].concat(), 1000).is_err());
}

#[test]
fn a_header_with_all_its_options_is_understood() {
    let data = [0x92, 0x80, 0x80];
    let mut encoder = flate2::GzBuilder::new()
        .filename("name")
        .comment("comment")
        .extra(vec![1, 2, 3])
        .write(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&data).unwrap();
    assert_eq!(
        gzip::inflate(&encoder.finish().unwrap(), 3),
        Ok(data.to_vec())
    );
}

#[test]
fn versions_three_to_five_are_understood() {
    for version in 0..8 {
        let draft = Draft {
            version,
            ..Draft::default()
        };
        let expected = match version {
            3..=5 => Ok(()),
            _ => Err(WireError::Version(version)),
        };
        assert_eq!(draft.judge(), expected);
    }
}

#[test]
fn ticks_have_to_be_in_order() {
    for (prev, from, fine) in [
        (0, 1, true),
        (0, 2, false),
        (1, 1, false),
        (1 << 60, 1, false),
    ] {
        let draft = Draft {
            from,
            prev,
            ..Draft::default()
        };
        assert_eq!(draft.judge().is_ok(), fine, "{prev} {from}");
    }
    let follows_itself = Draft {
        prev: 1,
        ..Draft::default()
    };
    assert_eq!(follows_itself.judge(), Err(WireError::AfterItself));
}

#[test]
fn a_time_belongs_to_one_process() {
    for time in [
        &[0x01][..],
        &[0x92, 0x01, 0x01],
        &[0x92, 0x91, 0x01, 0x91, 0x01],
        &[0x80],
    ] {
        let draft = Draft {
            time: time.to_vec(),
            ..Draft::default()
        };
        assert!(
            matches!(draft.judge(), Err(WireError::Clock(_))),
            "{time:?}"
        );
    }
}

#[test]
fn a_message_too_long_is_not_looked_at() {
    let limits = Limits {
        max_message: 10,
        ..Limits::default()
    };
    assert_eq!(
        judge(&[0xc1; 11], &limits).map(drop),
        Err(WireError::TooLarge {
            size: 11,
            limit: 10
        })
    );
}

#[test]
fn elements_are_counted_over_all_layers() {
    let update = [&[0x92, 0x80, 0xdc, 0x00, 0xff][..], &[0x80; 255]].concat();
    let draft = Draft::of(&update, &[1]);
    assert_eq!(draft.judge(), Ok(()));
    let limits = Limits {
        max_elements: 270,
        ..Limits::default()
    };
    assert_eq!(
        judge(&draft.bytes(), &limits).map(drop),
        Err(WireError::Pack(Error::TooMany))
    );
}

#[test]
fn an_update_nested_without_end_is_refused() {
    let update = [&[0x92, 0x80][..], &[0x91].repeat(100_000), &[0x80]].concat();
    assert_eq!(
        Draft::of(&update, &[1]).judge(),
        Err(WireError::Pack(Error::TooDeep))
    );
}

#[test]
fn a_json_update_within_the_limits_is_judged_as_any_other() {
    for (text, fine) in [
        (&br#"[{},{"@id":"fred","name":"Fred"}]"#[..], true),
        (br#"[{},{"name":"Fred"}]"#, false),
        (br#"[{},{"@id":"fred","name":"Fred"}"#, false),
        (br#"[{},{"@id":"fred","name":"Fred"}]]"#, false),
        (b"[{},\xff]", false),
    ] {
        assert_eq!(Draft::of(text, &[0]).judge().is_ok(), fine);
    }
    let nested = b"[".repeat(100_000);
    assert_eq!(Draft::of(&nested, &[0]).judge(), Err(WireError::Json));
}

#[test]
fn list_positions_are_as_the_algorithm_makes_them() {
    for (position, fine) in [
        ("3cloneA__________", true),
        ("3cloneA__________0acloneB__________", true),
        ("zé______________e", true),
        ("0cloneA__________01cloneB__________", true),
        ("0cloneA__________", false),
        ("3cloneA_________", false),
        ("3cloneA___________", false),
        ("3cloneA__________acloneB__________", false),
        ("Zcloned__________", false),
        ("", false),
        ("bad", false),
    ] {
        assert_eq!(term::is_position(position), fine, "{position}");
    }
}

#[test]
fn an_envelope_tells_what_is_in_it() {
    let bytes = Draft::default().bytes();
    let envelope = judge(&bytes, &Limits::default()).unwrap();
    assert_eq!(
        (
            envelope.version,
            envelope.prev,
            envelope.from,
            envelope.ticks
        ),
        (5, 0, 1, 1)
    );
    assert_eq!(envelope.tid().unwrap().as_str(), "kQE=");
    assert!(!envelope.is_fusion() && !envelope.secure);
    assert!(!envelope.encoding.is_compressed() && !envelope.encoding.is_json());
    assert_eq!(envelope.inflated, 3);
}

#[test]
fn numbers_are_what_javascript_parses() {
    for text in [
        "5",
        " 5",
        "\u{feff}5",
        "-.5e3",
        "+5abc",
        "Infinity",
        "-Infinity",
        "0x10",
    ] {
        assert!(lexical::is_number(text), "{text}");
    }
    for text in [
        "", " ", "abc", "-", ".", "e5", "NaN", "INF", "infinity", "--5", "٥",
    ] {
        assert!(!lexical::is_number(text), "{text}");
    }
}

#[test]
fn times_are_what_every_engine_parses() {
    for text in [
        "2020",
        "2020-01",
        "2020-01-31",
        "2020-02-30T00:00:00Z",
        "1960-09-30T00:00:00.123+02:00",
        "1960-09-30T00:00:00-0130",
        "2020-01-01T24:00:00.000Z",
        "2020-01-01 00:00",
        "0000-01-01T00:00",
        "-000001-01-01T00:00:00Z",
        "+275000-12-31T23:59:59.999999Z",
    ] {
        assert!(lexical::is_time(text), "{text}");
    }
    for text in [
        "",
        "5",
        "24:00",
        "2020-13-01",
        "2020-00-01",
        "2020-01-32",
        "2020-01-01T",
        "2020-01-01T25:00",
        "0020-01-01 00:00",
        "2020 15:12Z",
        "+002020-01-01T00:00:00+0100",
        "2020-01-01T24:01",
        "2020-01-01T24:00:00.1",
        "2020-01-01T00:60",
        "2020-01-01T00:00:00.",
        "2020-01-01T00:00:00+24:00",
        "2020-01-01T00:00:00Z ",
        "12020-01-01T00:00:00Z",
        "-2020-01-01",
        "-000000-01-01",
        "+275760-09-13T00:00:00.001Z",
        "Mon, 25 Dec 1995 13:30:00 GMT",
    ] {
        assert!(!lexical::is_time(text), "{text}");
    }
}

#[test]
fn an_identity_that_is_bare_in_its_domain_must_not_be_an_inherited_name() {
    for id in [
        "constructor",
        "/toString",
        "./valueOf",
        "a/../__proto__",
        "//d.example/constructor",
        "http://d.example/constructor",
        "http://d.example/a/../constructor",
        "@graph",
        "_:b1",
    ] {
        assert!(term::check(id).is_err(), "{id}");
    }
    for id in [
        "",
        "./",
        "#constructor",
        "a/constructor",
        "http://d.example/a/constructor",
        "http://d.example/#constructor",
        "constructors",
        "@graph1",
        "rdf:type",
    ] {
        assert!(term::check(id).is_ok(), "{id}");
    }
}

#[test]
fn terms_are_as_long_as_javascript_stores() {
    assert!(term::check_length(&"é".repeat(9999)).is_ok());
    assert!(term::check_length(&"é".repeat(10_000)).is_err());
    assert!(term::check_length(&"😀".repeat(4999)).is_ok());
    assert!(term::check_length(&"😀".repeat(5000)).is_err());
}
