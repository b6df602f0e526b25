//! Terms as they are stored: a byte that says the kind, then texts.
//!
//! The encoding of a term is unique, and no two terms share one: ids are hashes of it.

use std::sync::Arc;

use crate::rdf::{Iri, Literal, Term, vocab};
use crate::store::StoreError;

/// An IRI: its text.
pub(super) const IRI: u8 = 0;
/// A literal of a datatype without a code: length of the datatype, datatype, lexical form.
const TYPED: u8 = 1;
/// As [`TYPED`], with length of the language and language between.
const TAGGED: u8 = 2;
/// Literals of frequent datatypes: the lexical form.
const CODES: [(u8, &str); 6] = [
    (3, vocab::XS_STRING),
    (4, vocab::XS_INTEGER),
    (5, vocab::XS_DOUBLE),
    (6, vocab::XS_BOOLEAN),
    (7, vocab::TSEQ),
    (8, vocab::XS_BASE64_BINARY),
];

const DAMAGED: StoreError = StoreError::Damaged("a term");

/// Encodes a term.
pub(super) fn encode(term: &Term) -> Vec<u8> {
    match term {
        Term::Iri(iri) => encode_iri(iri),
        Term::Literal(literal) => encode_literal(literal),
    }
}

/// Encodes an IRI.
pub(super) fn encode_iri(iri: &Iri) -> Vec<u8> {
    with_kind(IRI, &[iri.as_str().as_bytes()])
}

/// Encodes a literal.
pub(super) fn encode_literal(literal: &Literal) -> Vec<u8> {
    let lexical = literal.lexical.as_bytes();
    let datatype = literal.datatype.as_str();
    match (&literal.language, code_of(datatype)) {
        (None, Some(code)) => with_kind(code, &[lexical]),
        (None, None) => with_kind(TYPED, &[&len(datatype), datatype.as_bytes(), lexical]),
        (Some(language), _) => with_kind(
            TAGGED,
            &[
                &len(datatype),
                datatype.as_bytes(),
                &len(language),
                language.as_bytes(),
                lexical,
            ],
        ),
    }
}

/// Decodes a term.
pub(super) fn decode(encoded: &[u8]) -> Result<Term, StoreError> {
    let (kind, content) = encoded.split_first().ok_or(DAMAGED)?;
    match *kind {
        IRI => Ok(Iri::new(text(content)?).into()),
        TYPED => {
            let (datatype, lexical) = prefixed(content)?;
            Ok(Literal::typed(text(lexical)?, text(datatype)?).into())
        }
        TAGGED => {
            let (datatype, rest) = prefixed(content)?;
            let (language, lexical) = prefixed(rest)?;
            let mut literal = Literal::typed(text(lexical)?, text(datatype)?);
            literal.language = Some(text(language)?);
            Ok(literal.into())
        }
        code => {
            let (_, datatype) = CODES
                .iter()
                .find(|(known, _)| *known == code)
                .ok_or(DAMAGED)?;
            Ok(Literal::typed(text(content)?, *datatype).into())
        }
    }
}

fn code_of(datatype: &str) -> Option<u8> {
    let known = CODES.iter().find(|(_, known)| *known == datatype);
    known.map(|(code, _)| *code)
}

fn with_kind(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let mut encoded = Vec::with_capacity(len.saturating_add(1));
    encoded.push(kind);
    for part in parts {
        encoded.extend_from_slice(part);
    }
    encoded
}

/// The length of a text, which limits on foreign input keep far below 4 GiB.
fn len(text: &str) -> [u8; 4] {
    u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes()
}

/// A part that its length precedes, and what follows.
fn prefixed(content: &[u8]) -> Result<(&[u8], &[u8]), StoreError> {
    let (len, rest) = content.split_first_chunk().ok_or(DAMAGED)?;
    let len = usize::try_from(u32::from_be_bytes(*len)).map_err(|_| DAMAGED)?;
    rest.split_at_checked(len).ok_or(DAMAGED)
}

fn text(bytes: &[u8]) -> Result<Arc<str>, StoreError> {
    std::str::from_utf8(bytes)
        .map(Arc::from)
        .map_err(|_| DAMAGED)
}
