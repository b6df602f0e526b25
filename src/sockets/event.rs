//! What a clone may say: its events with arguments that passed their form.
//!
//! Source: m-ld protocol, section 9.1.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;

use bytes::Bytes;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Most members that the parameters of a unicast message can have.
const PARAMS_LIMIT: usize = 16;
/// Most bytes of one name or value in them.
const PARAM_LENGTH: usize = 1024;

/// An event that is well formed.
#[derive(Debug)]
pub(super) enum Event {
    /// The clone is, or is no longer, able to serve others.
    Present(bool),
    /// An operation for all others.
    Operation(Bytes),
    /// A message for one other.
    Unicast {
        /// Which of the three events it is.
        event: Unicast,
        /// Who sends it to whom, and what it belongs to.
        params: Params,
        /// What the other shall get.
        payload: Bytes,
    },
}

/// The events that go to one clone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unicast {
    Send,
    Reply,
    Notify,
}

impl Unicast {
    /// The event's name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Reply => "reply",
            Self::Notify => "notify",
        }
    }
}

/// Why an event is refused; told to its sender only.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum EventError {
    #[error("the arguments are not what this event takes")]
    Arguments,
    #[error("unknown event")]
    Unknown,
}

/// Parameters of a unicast message: text by name, in the order they came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// The value of a member.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Serialize for Params {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Params {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Params;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Params, A::Error> {
                let mut members: Vec<(String, String)> = Vec::new();
                let mut names = BTreeSet::new();
                while let Some((name, value)) = map.next_entry::<String, String>()? {
                    // Two members of one name could be read as one by us and as the other by a clone.
                    if members.len() == PARAMS_LIMIT
                        || name.len().max(value.len()) > PARAM_LENGTH
                        || !names.insert(name.clone())
                    {
                        return Err(de::Error::custom("too many, too long or repeated"));
                    }
                    members.push((name, value));
                }
                Ok(Params(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// The mark in the arguments where the attachment belongs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Placeholder {
    #[serde(rename = "_placeholder")]
    placeholder: bool,
    num: u32,
}

impl Event {
    /// Reads the arguments of an event, whose first is its name.
    pub(super) fn parse(arguments: &str, attachments: VecDeque<Bytes>) -> Result<Self, EventError> {
        let Named(name) = serde_json::from_str(arguments).map_err(|_| EventError::Arguments)?;
        match name.as_str() {
            "present" if attachments.is_empty() => {
                let (_, present): (String, bool) = read(arguments)?;
                Ok(Self::Present(present))
            }
            "operation" => {
                let (_, mark): (String, Placeholder) = read(arguments)?;
                mark.check()?;
                only(attachments).map(Self::Operation)
            }
            "send" => Self::unicast(Unicast::Send, arguments, attachments),
            "reply" => Self::unicast(Unicast::Reply, arguments, attachments),
            "notify" => Self::unicast(Unicast::Notify, arguments, attachments),
            "present" => Err(EventError::Arguments),
            _ => Err(EventError::Unknown),
        }
    }

    fn unicast(
        event: Unicast,
        arguments: &str,
        attachments: VecDeque<Bytes>,
    ) -> Result<Self, EventError> {
        let (_, params, mark): (String, Params, Placeholder) = read(arguments)?;
        mark.check()?;
        Ok(Self::Unicast {
            event,
            params,
            payload: only(attachments)?,
        })
    }
}

impl Placeholder {
    fn check(&self) -> Result<(), EventError> {
        if self.placeholder && self.num == 0 {
            Ok(())
        } else {
            Err(EventError::Arguments)
        }
    }
}

/// The first of an array's elements, whatever the others are.
struct Named(String);

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct First;
        impl<'de> Visitor<'de> for First {
            type Value = Named;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event's name and its arguments")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Named, A::Error> {
                let name = seq
                    .next_element()?
                    .ok_or_else(|| de::Error::custom("no event name"))?;
                while seq.next_element::<de::IgnoredAny>()?.is_some() {}
                Ok(Named(name))
            }
        }
        deserializer.deserialize_seq(First)
    }
}

fn read<'a, T: Deserialize<'a>>(arguments: &'a str) -> Result<T, EventError> {
    serde_json::from_str(arguments).map_err(|_| EventError::Arguments)
}

fn only(mut attachments: VecDeque<Bytes>) -> Result<Bytes, EventError> {
    match (attachments.pop_front(), attachments.is_empty()) {
        (Some(bytes), true) => Ok(bytes),
        _ => Err(EventError::Arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_attachment(arguments: &str) -> Result<Event, EventError> {
        Event::parse(arguments, VecDeque::from([Bytes::from_static(b"x")]))
    }

    #[test]
    fn the_five_events_are_read() {
        assert!(matches!(
            Event::parse(r#"["present",true]"#, VecDeque::new()),
            Ok(Event::Present(true))
        ));
        let spaced = r#"[ "operation", {"num":0,"_placeholder":true} ]"#;
        assert!(matches!(with_attachment(spaced), Ok(Event::Operation(_))));
        for name in ["send", "reply", "notify"] {
            let text = format!(
                r#"["{name}",{{"toId":"b","fromId":"a"}},{{"_placeholder":true,"num":0}}]"#
            );
            match with_attachment(&text) {
                Ok(Event::Unicast { event, params, .. }) => {
                    assert_eq!((event.name(), params.value("toId")), (name, Some("b")));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn malformed_arguments_are_the_senders_problem() {
        for bad in [
            "",
            "[]",
            "{}",
            "null",
            "[1]",
            r#"["present"]"#,
            r#"["present",1]"#,
            r#"["present",null]"#,
            r#"["present",true,1]"#,
            r#"["operation"]"#,
            r#"["operation",null]"#,
            r#"["operation",{"_placeholder":true,"num":1}]"#,
            r#"["operation",{"_placeholder":false,"num":0}]"#,
            r#"["send",{"toId":"b"}]"#,
            r#"["send",null,{"_placeholder":true,"num":0}]"#,
            r#"["send",{"toId":1},{"_placeholder":true,"num":0}]"#,
            r#"["send",{"a":"1","a":"2"},{"_placeholder":true,"num":0}]"#,
        ] {
            assert_eq!(
                with_attachment(bad).unwrap_err(),
                EventError::Arguments,
                "{bad}"
            );
        }
        assert_eq!(
            with_attachment(r#"["other"]"#).unwrap_err(),
            EventError::Unknown
        );
        assert!(
            Event::parse(
                r#"["operation",{"_placeholder":true,"num":0}]"#,
                VecDeque::new()
            )
            .is_err()
        );
    }

    #[test]
    fn parameters_are_bounded() {
        let long = format!(
            r#"["send",{{"toId":"{}"}},{{"_placeholder":true,"num":0}}]"#,
            "x".repeat(PARAM_LENGTH + 1)
        );
        assert!(with_attachment(&long).is_err());
        let many: Vec<_> = (0..=PARAMS_LIMIT)
            .map(|n| format!(r#""p{n}":"x""#))
            .collect();
        let many = format!(
            r#"["send",{{{}}},{{"_placeholder":true,"num":0}}]"#,
            many.join(",")
        );
        assert!(with_attachment(&many).is_err());
    }
}
