//! Objects of triples, from what JSON has for them (m-ld protocol, section 4.6).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Decoder, NO_IRI, PARTIAL};
use crate::context::TermType;
use crate::msgpack::{Reader, Token, Value};
use crate::number;
use crate::rdf::{Iri, Literal, Term, vocab};
use crate::wire::WireError;

/// A property, and what strings mean that are its values.
pub(super) struct Property {
    pub(super) iri: Iri,
    strings: Strings,
}

impl Property {
    /// A property whose values are what they look like.
    pub(super) fn values(iri: Iri) -> Self {
        Self {
            iri,
            strings: Strings::Values,
        }
    }

    pub(super) fn strings(&self) -> Strings {
        self.strings
    }
}

/// What a string is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Strings {
    Values,
    /// Identities, relative to the base.
    Ids,
    /// Names in the vocabulary.
    Names,
}

/// An object, and its data if that is indirected.
pub(super) type Object = (Term, Option<Value>);

/// The keys of a map that is an object.
#[derive(Default)]
pub(super) struct Keys<'a> {
    pub(super) id: Option<&'a str>,
    value: Option<Reader<'a>>,
    datatype: Option<&'a str>,
    language: Option<&'a str>,
    vocab: Option<&'a str>,
    /// The only key, with which the map stands for the values under it.
    pub(super) set: Option<Reader<'a>>,
}

impl<'a> Keys<'a> {
    /// Reads over a map of which `count` keys follow.
    pub(super) fn read(reader: &mut Reader<'a>, count: usize) -> Result<Self, WireError> {
        let mut keys = Self::default();
        for _ in 0..count {
            let key = reader.key()?;
            let mut value = reader.clone();
            reader.skip()?;
            match key {
                "@id" => keys.id = Some(value.str()?),
                "@value" => keys.value = Some(value),
                "@language" => keys.language = Some(value.str()?),
                "@vocab" => keys.vocab = Some(value.str()?),
                "@set" if count == 1 => keys.set = Some(value),
                "@type" => {
                    if let Token::Str(datatype) = value.token()? {
                        keys.datatype = Some(datatype);
                    }
                }
                _ => {}
            }
        }
        Ok(keys)
    }

    /// Whether this is a subject or a reference to one.
    pub(super) fn is_subject(&self) -> bool {
        self.value.is_none() && self.vocab.is_none()
    }
}

impl Decoder<'_> {
    pub(super) fn property(&self, key: &str) -> Result<Property, WireError> {
        let keyword = |iri: &'static str| Ok(Iri::new(iri));
        let (iri, strings) = match key {
            "@type" => (keyword(vocab::RDF_TYPE), Strings::Names),
            "@item" => (keyword(vocab::JRQL_ITEM), Strings::Values),
            "@index" => (keyword(vocab::JRQL_INDEX), Strings::Values),
            _ => match self.context.term_type(key) {
                Some(TermType::Id) => (self.name(key), Strings::Ids),
                _ => (self.name(key), Strings::Values),
            },
        };
        Ok(Property { iri: iri?, strings })
    }

    /// The object that a map stands for which is no subject with properties of its own.
    pub(super) fn object(
        &self,
        keys: &Keys<'_>,
        strings: Strings,
        data: bool,
    ) -> Result<Object, WireError> {
        match (&keys.value, keys.vocab, keys.id) {
            (Some(_), ..) => self.literal(keys, strings, data),
            (None, Some(name), _) => Ok((self.name(name)?.into(), None)),
            (None, None, Some(id)) => Ok((self.id(id)?.into(), None)),
            (None, None, None) => Err(PARTIAL),
        }
    }

    /// A literal written out.
    fn literal(&self, keys: &Keys<'_>, strings: Strings, data: bool) -> Result<Object, WireError> {
        let mut value = keys.value.clone().ok_or(PARTIAL)?;
        let token = value.clone().token()?;
        let datatype = match keys.datatype {
            Some("@json") => Some(Iri::new(vocab::RDF_JSON)),
            Some(datatype) if !datatype.is_empty() => Some(self.id(datatype)?),
            _ => None,
        };
        let atom = Atom {
            token,
            json: keys.datatype == Some("@json"),
            datatype,
            language: keys.language,
        };
        let mut term = self.atom(atom, strings)?;
        let id = keys.id.filter(|id| !id.is_empty());
        let (Some(id), Term::Literal(literal)) = (id, &mut term) else {
            return Ok((term, None));
        };
        literal.lexical = id.into();
        let data = data.then(|| Value::read(&mut value, self.max_depth));
        Ok((term, data.transpose()?))
    }

    /// A value in short form.
    pub(super) fn short(&self, token: Token<'_>, strings: Strings) -> Result<Term, WireError> {
        let atom = Atom {
            token,
            json: false,
            datatype: None,
            language: None,
        };
        self.atom(atom, strings)
    }

    fn atom(&self, atom: Atom<'_>, strings: Strings) -> Result<Term, WireError> {
        if let (Token::Str(text), false) = (atom.token, atom.json) {
            let untyped = atom.datatype.is_none();
            match strings {
                Strings::Names => return Ok(self.name(text)?.into()),
                Strings::Ids if untyped => return Ok(self.id(text)?.into()),
                // The language of a string is lost (section 20, Q5).
                Strings::Ids | Strings::Values => return Ok(atom.string(text).into()),
            }
        }
        let ids = strings == Strings::Ids && atom.datatype.is_none();
        let literal = atom.other()?;
        match literal.datatype.as_str() {
            vocab::XS_BASE64_BINARY => Ok(literal.into()),
            // A number where an identity should be is the text of one.
            _ if ids => Ok(self.id(&literal.lexical)?.into()),
            _ => Ok(literal.into()),
        }
    }
}

/// A value and what is said of it.
struct Atom<'a> {
    token: Token<'a>,
    json: bool,
    datatype: Option<Iri>,
    language: Option<&'a str>,
}

impl Atom<'_> {
    fn string(self, text: &str) -> Literal {
        match self.datatype {
            None => Literal::string(text),
            Some(datatype) if datatype.as_str() == vocab::XS_DOUBLE => Literal::typed(
                number::canonical_double(number::parse_float(text)),
                vocab::XS_DOUBLE,
            ),
            Some(datatype) => Literal {
                lexical: text.into(),
                datatype,
                language: None,
            },
        }
    }

    fn other(self) -> Result<Literal, WireError> {
        if self.json {
            return Ok(Literal::typed(json_text(self.token), vocab::RDF_JSON));
        }
        let mut literal = match self.token {
            Token::Bin(bytes) => {
                return Ok(Literal::typed(
                    STANDARD.encode(bytes),
                    vocab::XS_BASE64_BINARY,
                ));
            }
            Token::Bool(truth) => Literal::typed(truth.to_string(), vocab::XS_BOOLEAN),
            Token::UInt(n) => Literal::typed(number::uint_text(n), vocab::XS_INTEGER),
            Token::NegInt(n) => Literal::typed(number::int_text(n), vocab::XS_INTEGER),
            Token::Float(n) => number::literal(n),
            // A value that is deleted, and was never there.
            _ => Literal::typed("", self.datatype.clone().ok_or(NO_IRI)?.as_str()),
        };
        if let Some(datatype) = self.datatype {
            literal.datatype = datatype;
        }
        if let Some(tag) = self.language.filter(|tag| !tag.is_empty()) {
            literal.datatype = Iri::new(vocab::RDF_LANG_STRING);
            literal.language = Some(tag.into());
        }
        Ok(literal)
    }
}

/// The text of a JSON value that is its own identity. Others are data, or were never there.
fn json_text(token: Token<'_>) -> String {
    match token {
        Token::Bool(truth) => truth.to_string(),
        Token::UInt(n) => number::uint_text(n),
        Token::NegInt(n) => number::int_text(n),
        Token::Float(n) if n.is_finite() => number::js_text(n),
        Token::Nil | Token::Float(_) => "null".to_owned(),
        Token::Str(text) => serde_json::Value::from(text).to_string(),
        _ => String::new(),
    }
}
