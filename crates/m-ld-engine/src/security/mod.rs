//! Transport security: what an application adds to messages so that strangers cannot read or make
//! them (m-ld protocol, section 11).
//!
//! A [`TransportSecurity`] transforms bytes, signs them and verifies signatures, always knowing
//! the data of the domain as it was before the message. [`NoSecurity`] does nothing;
#![cfg_attr(feature = "acl", doc = " [`Acl`] has keys and a secret in the data.")]
#![cfg_attr(
    not(feature = "acl"),
    doc = " the feature `acl` has one with keys in the data."
)]
//!
//! # What is signed
//! An operation is signed as its array of seven elements *before* its update is transformed. So
//! what was signed can be kept, and sent again to others with the signature that it had, transformed
//! anew. [`seal`] and [`unseal`] go from the one to the other.

#[cfg(feature = "acl")]
mod acl;
mod operation;

use std::borrow::Cow;

use crate::chance::Chance;
use crate::dataset::Graph;
use crate::store::StoreError;
use crate::wire::{self, WireError};

#[cfg(feature = "acl")]
pub use acl::{Acl, Principal};
pub use operation::{seal, unseal};

/// What a message is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The update of an operation.
    Operation,
    /// A whole request.
    Request,
    /// A whole response, or an acknowledgement.
    Response,
}

impl Kind {
    /// The IRI of the kind.
    pub fn iri(self) -> &'static str {
        match self {
            Self::Operation => "http://m-ld.org/operation",
            Self::Request => "http://control.m-ld.org/request",
            Self::Response => "http://control.m-ld.org/response",
        }
    }
}

/// Which way a message goes.
pub enum Direction<'a> {
    /// It was received.
    In,
    /// It is to be sent. What must not repeat is taken from here.
    Out(&'a mut dyn Chance),
}

/// Who answers for a message, and the signature that proves it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attribution {
    /// The principal's IRI, as in the message.
    pub principal: String,
    /// The signature.
    pub signature: Vec<u8>,
}

impl Attribution {
    /// The same, to be written.
    pub fn as_wire(&self) -> wire::Attribution<'_> {
        wire::Attribution {
            principal: &self.principal,
            signature: &self.signature,
        }
    }
}

impl From<wire::Attribution<'_>> for Attribution {
    fn from(attribution: wire::Attribution<'_>) -> Self {
        Self {
            principal: attribution.principal.to_owned(),
            signature: attribution.signature.to_vec(),
        }
    }
}

/// Why a message does not pass.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecurityError {
    /// The message is not acceptable: its sender is not known, or not the sender. Requests are
    /// refused with [`SecurityError::STATUS`], operations are ignored.
    #[error("{0}")]
    Rejected(&'static str),
    /// This clone cannot sign or transform what it is about to send.
    #[error("{0}")]
    Unable(&'static str),
    /// The message is not one.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The data could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SecurityError {
    /// The m-ld status of a request that is refused for this (m-ld protocol, section 22.2).
    pub const STATUS: u16 = 5003;
}

/// What an application plugs in.
///
/// `state` is the data of the domain before the message, or nothing if this clone has none yet.
pub trait TransportSecurity: Send + Sync {
    /// Transforms bytes: of the update of an operation, or of a whole request or response.
    fn wire<'d>(
        &self,
        data: &'d [u8],
        kind: Kind,
        direction: Direction<'_>,
        state: Option<&Graph<'_>>,
    ) -> Result<Cow<'d, [u8]>, SecurityError>;

    /// Signs bytes for the principal of this clone, if signatures are used.
    fn sign(
        &self,
        data: &[u8],
        state: Option<&Graph<'_>>,
    ) -> Result<Option<Attribution>, SecurityError>;

    /// Fails if bytes are not acceptable from whom they are attributed to.
    fn verify(
        &self,
        data: &[u8],
        attribution: Option<wire::Attribution<'_>>,
        state: Option<&Graph<'_>>,
    ) -> Result<(), SecurityError>;
}

/// A domain open to whoever can send to it.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSecurity;

impl TransportSecurity for NoSecurity {
    fn wire<'d>(
        &self,
        data: &'d [u8],
        _: Kind,
        _: Direction<'_>,
        _: Option<&Graph<'_>>,
    ) -> Result<Cow<'d, [u8]>, SecurityError> {
        Ok(Cow::Borrowed(data))
    }

    fn sign(&self, _: &[u8], _: Option<&Graph<'_>>) -> Result<Option<Attribution>, SecurityError> {
        Ok(None)
    }

    fn verify(
        &self,
        _: &[u8],
        _: Option<wire::Attribution<'_>>,
        _: Option<&Graph<'_>>,
    ) -> Result<(), SecurityError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
