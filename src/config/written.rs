//! Values as people write them: "30s", "64 KiB", "100 per 10s".
//!
//! Each form can be read from a TOML string as well as from its own TOML type, so that an environment
//! variable, which is always text, says the same as the file.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// A value that can be read from text.
pub(super) trait FromText: Sized {
    /// What would be right, for the error.
    const RIGHT: &'static str;

    fn from_text(raw: &str) -> Option<Self>;

    fn from_integer(_number: i64) -> Option<Self> {
        None
    }

    fn from_switch(_on: bool) -> Option<Self> {
        None
    }
}

/// A single value of a configuration file.
#[derive(Clone, Debug)]
pub(super) struct Written<T>(T);

impl<T> Written<T> {
    pub(super) fn value(self) -> T {
        self.0
    }
}

impl<'de, T: FromText> Deserialize<'de> for Written<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(One(PhantomData)).map(Self)
    }
}

struct One<T>(PhantomData<T>);

impl<T: FromText> Visitor<'_> for One<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::RIGHT)
    }

    fn visit_str<E: Error>(self, raw: &str) -> Result<T, E> {
        right(T::from_text(raw), format_args!("{raw:?}"))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        right(T::from_integer(number), number)
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<T, E> {
        right(T::from_switch(on), on)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        right(None, number)
    }
}

fn right<T: FromText, E: Error>(value: Option<T>, written: impl fmt::Display) -> Result<T, E> {
    value.ok_or_else(|| E::custom(format_args!("is {written}: it must be {}", T::RIGHT)))
}

/// Several values: a TOML array, or text with commas.
#[derive(Clone, Debug)]
pub(super) struct List<T>(Vec<T>);

impl<T> List<T> {
    pub(super) fn value(self) -> Vec<T> {
        self.0
    }
}

impl<'de, T: FromText> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Many(PhantomData)).map(Self)
    }
}

struct Many<T>(PhantomData<T>);

impl<'de, T: FromText> Visitor<'de> for Many<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array, each of it {}", T::RIGHT)
    }

    fn visit_str<E: Error>(self, raw: &str) -> Result<Vec<T>, E> {
        raw.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| right(T::from_text(part), format_args!("{part:?}")))
            .collect()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut all = Vec::new();
        while let Some(Written(one)) = seq.next_element()? {
            all.push(one);
        }
        Ok(all)
    }
}
