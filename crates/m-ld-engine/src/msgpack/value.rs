//! MessagePack as an owned tree.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever is not looked for is refused, new kinds too"
)]

use super::{Error, Limits, Reader, Token, Writer};

/// A value of the profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// The JavaScript value `undefined`; treat it as absent.
    #[default]
    Undefined,
    /// `null`.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer. Every one that fits is decoded as this.
    Int(i64),
    /// An integer beyond the range of [`Value::Int`].
    UInt(u64),
    /// Any other number. Written as an integer if it has no fraction and fits 64 bits.
    Float(f64),
    /// A string.
    Str(String),
    /// Bytes.
    Bin(Vec<u8>),
    /// An array.
    Array(Vec<Value>),
    /// A map with string keys.
    Map(Map),
}

/// A map that remembers the order of its keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map(Vec<(String, Value)>);

impl Map {
    /// The value for `key`. With a key that came twice the last counts, as in JavaScript.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().rev().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// Appends a key and its value.
    pub fn push(&mut self, key: impl Into<String>, value: Value) {
        self.0.push((key.into(), value));
    }

    /// Keys and values, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl Value {
    /// Decodes one value that is all of `bytes`.
    ///
    /// An extension other than `undefined` becomes an array of its type and its data, as in the
    /// JavaScript engine, which never sends one.
    pub fn decode(bytes: &[u8], limits: Limits) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes, limits);
        let value = Self::read(&mut reader, limits.max_depth)?;
        reader.end()?;
        Ok(value)
    }

    /// Reads the next value, with at most `max_depth` levels of arrays and maps.
    pub fn read(reader: &mut Reader<'_>, max_depth: usize) -> Result<Self, Error> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let token = reader.token()?;
            let mut done = match (token, Open::of(token)) {
                (_, Some(container)) if !container.is_full() => {
                    if open.len() >= max_depth {
                        return Err(Error::TooDeep);
                    }
                    open.push(container);
                    None
                }
                (_, Some(container)) => Some(container.value),
                (token, None) => Some(Self::leaf(token)),
            };
            while let Some(value) = done.take() {
                let Some(container) = open.last_mut() else {
                    return Ok(value);
                };
                container.add(value);
                if container.is_full() {
                    done = open.pop().map(|container| container.value);
                }
            }
            if let Some(container) = open.last_mut() {
                container.read_key(reader)?;
            }
        }
    }

    fn leaf(token: Token<'_>) -> Self {
        match token {
            Token::Nil => Self::Null,
            Token::Bool(truth) => Self::Bool(truth),
            Token::UInt(number) => Self::from(number),
            Token::NegInt(number) => Self::Int(number),
            Token::Float(number) => Self::Float(number),
            Token::Str(text) => Self::Str(text.to_owned()),
            Token::Bin(bytes) => Self::Bin(bytes.to_vec()),
            Token::Ext(kind, [data]) => {
                Self::Array(vec![Self::Int(kind.into()), Self::Int((*data).into())])
            }
            Token::Ext(kind, data) => {
                Self::Array(vec![Self::Int(kind.into()), Self::Bin(data.to_vec())])
            }
            Token::Undefined | Token::Array(_) | Token::Map(_) => Self::Undefined,
        }
    }

    /// Encodes this value.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut Writer::new(&mut out));
        out
    }

    /// Writes this value.
    pub fn write(&self, out: &mut Writer<'_>) {
        match self {
            Self::Undefined => out.undefined(),
            Self::Null => out.nil(),
            Self::Bool(truth) => out.bool(*truth),
            Self::Int(number) => out.int(*number),
            Self::UInt(number) => out.uint(*number),
            Self::Float(number) => out.number(*number),
            Self::Str(text) => out.str(text),
            Self::Bin(bytes) => out.bin(bytes),
            Self::Array(items) => {
                out.array(items.len());
                for item in items {
                    item.write(out);
                }
            }
            Self::Map(map) => {
                out.map(map.len());
                for (key, value) in map.iter() {
                    out.str(key);
                    value.write(out);
                }
            }
        }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if this is an integer that is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Int(number) => u64::try_from(*number).ok(),
            Self::UInt(number) => Some(*number),
            _ => None,
        }
    }

    /// The members, if this is an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The map, if this is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Whether this stands for no value: `null` or `undefined`.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Null | Self::Undefined)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or(Self::UInt(number), Self::Int)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

/// An array or map that waits for more members.
struct Open {
    value: Value,
    left: usize,
    key: Option<String>,
}

impl Open {
    fn of(token: Token<'_>) -> Option<Self> {
        // Nothing is reserved: a short input could promise much. The vectors grow as members come.
        let (value, left) = match token {
            Token::Array(len) => (Value::Array(Vec::new()), len),
            Token::Map(len) => (Value::Map(Map::default()), len),
            _ => return None,
        };
        Some(Self {
            value,
            left,
            key: None,
        })
    }

    fn is_full(&self) -> bool {
        self.left == 0
    }

    fn read_key(&mut self, reader: &mut Reader<'_>) -> Result<(), Error> {
        if matches!(self.value, Value::Map(_)) {
            self.key = Some(reader.key()?.to_owned());
        }
        Ok(())
    }

    fn add(&mut self, value: Value) {
        match &mut self.value {
            Value::Map(map) => map.push(self.key.take().unwrap_or_default(), value),
            Value::Array(items) => items.push(value),
            _ => {}
        }
        self.left = self.left.saturating_sub(1);
    }
}
