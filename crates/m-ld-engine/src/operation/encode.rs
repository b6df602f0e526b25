//! The JSON form of triples, written (m-ld protocol, sections 4.2 to 4.7).

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Operation, SharedUpdate, Tagged};
use crate::context::Context;
use crate::msgpack::{Value, Writer};
use crate::number;
use crate::rdf::{Iri, Literal, Term, Triple, vocab};
use crate::wire::Attribution;
use crate::wire::term::is_inherited;

/// The version of what is written.
const VERSION: u64 = 5;

/// The longest update that is not compressed.
const COMPRESS_ABOVE: usize = 1024;

const MESSAGE_PACK: u64 = 1;
const GZIP: u64 = 2;

/// Encodes an operation as the array of seven elements.
pub(super) fn operation(context: &Context, operation: &Operation) -> Vec<u8> {
    let update = compressed(update(context, operation));
    let mut bytes = Vec::with_capacity(update.0.len() + 64);
    let mut out = Writer::new(&mut bytes);
    out.array(7);
    out.uint(VERSION);
    out.uint(operation.from);
    operation.time.write(&mut out);
    write_packed(&mut out, &update);
    match &operation.principal {
        Some(principal) => out.str(&context.wire_id(principal)),
        None => out.nil(),
    }
    match &operation.agreed {
        Some(agreed) => {
            out.array(2);
            out.uint(agreed.tick);
            agreed.proof.write(&mut out);
        }
        None => out.nil(),
    }
    bytes
}

/// Encodes triples of a snapshot as one datum.
pub(super) fn snapshot_triples(context: &Context, triples: &[Tagged]) -> Vec<u8> {
    let mut data = Vec::with_capacity(triples.len() * 96);
    let mut out = Encoder::new(context, &mut data, 0);
    out.many(triples.len());
    for tagged in triples {
        out.tagged(tagged);
    }
    let packed = compressed(data);
    let mut bytes = Vec::with_capacity(packed.0.len() + 32);
    let mut out = Writer::new(&mut bytes);
    out.map(2);
    out.str("inserts");
    out.bin(&packed.0);
    out.str("encoding");
    write_encoding(&mut out, packed.1);
    bytes
}

/// An operation message (m-ld protocol, section 4.1).
///
/// `prev` is the public tick before it of its process, `encoded` the array of seven elements.
pub fn message(prev: u64, encoded: &[u8], attribution: Option<Attribution<'_>>) -> Vec<u8> {
    let signature = attribution.map_or(0, |attribution| attribution.signature.len());
    let mut bytes = Vec::with_capacity(encoded.len() + signature + 128);
    let mut out = Writer::new(&mut bytes);
    out.map(3);
    out.str("prev");
    out.uint(prev);
    out.str("enc");
    out.bin(encoded);
    out.str("attr");
    Attribution::write(attribution, &mut out);
    bytes
}

/// Encodes an operation of a snapshot as one datum.
///
/// `encoded` is the array of seven elements. It must not be encrypted.
pub fn encode_past_operation(encoded: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(encoded.len() + 16);
    let mut out = Writer::new(&mut bytes);
    out.map(1);
    out.str("operation");
    bytes.extend_from_slice(encoded);
    bytes
}

fn write_packed(out: &mut Writer<'_>, packed: &(Vec<u8>, bool)) {
    out.bin(&packed.0);
    write_encoding(out, packed.1);
}

fn write_encoding(out: &mut Writer<'_>, gzip: bool) {
    out.array(1 + usize::from(gzip));
    out.uint(MESSAGE_PACK);
    if gzip {
        out.uint(GZIP);
    }
}

/// Compresses what is long, and says if it did.
fn compressed(data: Vec<u8>) -> (Vec<u8>, bool) {
    if data.len() <= COMPRESS_ABOVE {
        return (data, false);
    }
    let mut gzip = GzEncoder::new(Vec::with_capacity(data.len() / 2), Compression::fast());
    match gzip.write_all(&data).and_then(|()| gzip.finish()) {
        Ok(packed) => (packed, true),
        // A vector takes whatever is written to it; if it did not, the data would do as it is.
        Err(_) => (data, false),
    }
}

fn update(context: &Context, operation: &Operation) -> Vec<u8> {
    let triples = operation.deletes.len() + operation.inserts.len() + operation.updates.len();
    let mut data = Vec::with_capacity(16 + triples * 64);
    let mut out = Encoder::new(context, &mut data, operation.ticks());
    out.out
        .array(if operation.updates.is_empty() { 2 } else { 3 });
    out.all_tagged(&operation.deletes, false);
    if operation.is_fusion() {
        out.all_tagged(&operation.inserts, true);
    } else {
        out.plain(&operation.inserts);
    }
    if !operation.updates.is_empty() {
        out.many(operation.updates.len());
        for update in &operation.updates {
            out.update(update);
        }
    }
    data
}

/// Writes the JSON form.
struct Encoder<'c, 'o> {
    context: &'c Context,
    out: Writer<'o>,
    /// What blank nodes are told apart by from those of other operations of the same process.
    tick: u64,
    /// How many blank nodes there are.
    blank: usize,
}

impl<'c, 'o> Encoder<'c, 'o> {
    fn new(context: &'c Context, data: &'o mut Vec<u8>, tick: u64) -> Self {
        Self {
            context,
            out: Writer::new(data),
            tick,
            blank: 0,
        }
    }

    /// Begins a set of so many maps.
    fn many(&mut self, count: usize) {
        match count {
            0 => self.out.map(0),
            1 => {}
            many => self.out.array(many),
        }
    }

    /// Writes reified triples. Those with no transactions say nothing, and are left out.
    fn all_tagged(&mut self, triples: &[Tagged], data: bool) {
        let tagged = || triples.iter().filter(|tagged| !tagged.tids.is_empty());
        self.many(tagged().count());
        for Tagged {
            triple,
            tids,
            data: own,
        } in tagged()
        {
            self.out.map(5);
            self.reified(triple, own.as_ref().filter(|_| data));
            self.tids(tids);
        }
    }

    /// Writes a triple of a snapshot.
    fn tagged(&mut self, tagged: &Tagged) {
        let entailed = tagged.tids.is_empty();
        self.out.map(if entailed { 4 } else { 5 });
        self.reified(&tagged.triple, tagged.data.as_ref());
        if !entailed {
            self.tids(&tagged.tids);
        }
    }

    fn tids(&mut self, tids: &[crate::clock::Tid]) {
        self.out.str("tid");
        if let [tid] = tids {
            return self.out.str(tid.as_str());
        }
        self.out.array(tids.len());
        for tid in tids {
            self.out.str(tid.as_str());
        }
    }

    /// Writes the first four members of a reified triple.
    ///
    /// A JavaScript clone that fuses operations, or cuts one from another, keeps the blank nodes of both: if two had the
    /// same, their triples would become one, and the other deletion be lost (m-ld protocol, Q31).
    fn reified(&mut self, triple: &Triple, data: Option<&Value>) {
        self.blank += 1;
        self.out.str("@id");
        self.out.str(&format!("_:t{}b{}", self.tick, self.blank));
        self.out.str("s");
        self.out.str(&self.context.wire_id(&triple.subject));
        self.out.str("p");
        self.out.str(&self.context.wire_id(&triple.predicate));
        self.out.str("o");
        self.object(&triple.object, data);
    }

    fn update(&mut self, update: &SharedUpdate) {
        self.out.map(5);
        self.reified(&update.triple, None);
        self.out.str("op");
        self.out.map(3);
        self.out.str("@value");
        update.operation.write(&mut self.out);
        self.out.str("@type");
        self.out.str("@json");
        self.out.str("@id");
        self.out.str("\0");
    }

    /// Writes plain subjects, each with its properties, each with its values.
    fn plain(&mut self, triples: &[Tagged]) {
        let mut sorted: Vec<&Tagged> = triples.iter().collect();
        sorted.sort_by(|a, b| {
            let (a, b) = (&a.triple, &b.triple);
            (&a.subject, &a.predicate).cmp(&(&b.subject, &b.predicate))
        });
        let subjects = || sorted.chunk_by(|a, b| a.triple.subject == b.triple.subject);
        self.many(subjects().count());
        for subject in subjects() {
            self.subject(subject);
        }
    }

    fn subject(&mut self, triples: &[&Tagged]) {
        let properties = || triples.chunk_by(|a, b| a.triple.predicate == b.triple.predicate);
        self.out.map(1 + properties().count());
        self.out.str("@id");
        if let [Tagged { triple, .. }, ..] = triples {
            self.out.str(&self.context.wire_id(&triple.subject));
        }
        for values in properties() {
            let [Tagged { triple, .. }, rest @ ..] = values else {
                continue;
            };
            // A literal would be taken for the name of a class.
            let iris = |tagged: &&Tagged| tagged.triple.object.as_iri().is_some();
            let types = triple.predicate.as_str() == vocab::RDF_TYPE && values.iter().all(iris);
            if types {
                self.out.str("@type");
            } else {
                self.property(&triple.predicate);
            }
            if !rest.is_empty() {
                self.out.array(values.len());
            }
            for Tagged { triple, data, .. } in values {
                match &triple.object {
                    Term::Iri(class) if types => self.out.str(&self.context.wire_name(class)),
                    Term::Iri(_) | Term::Literal(_) => {
                        self.object(&triple.object, data.as_ref());
                    }
                }
            }
        }
    }

    fn property(&mut self, predicate: &Iri) {
        match predicate.as_str() {
            vocab::JRQL_ITEM => self.out.str("@item"),
            vocab::JRQL_INDEX => self.out.str("@index"),
            whole => {
                let name = self.context.wire_name(predicate);
                // The name would be found in every JavaScript object.
                self.out
                    .str(if is_inherited(&name) { whole } else { &name });
            }
        }
    }

    fn object(&mut self, object: &Term, data: Option<&Value>) {
        match object {
            Term::Iri(iri) => {
                self.out.map(1);
                self.out.str("@id");
                self.out.str(&self.context.wire_id(iri));
            }
            Term::Literal(literal) => self.literal(literal, data),
        }
    }

    fn literal(&mut self, literal: &Literal, data: Option<&Value>) {
        if let Some(data) = data {
            self.out.map(3);
            self.out.str("@value");
            data.write(&mut self.out);
            self.datatype(&literal.datatype);
            self.out.str("@id");
            return self.out.str(&literal.lexical);
        }
        if let Some(tag) = &literal.language {
            return self.language_string(&literal.lexical, tag);
        }
        let lexical = &*literal.lexical;
        match (literal.datatype.as_str(), lexical) {
            (vocab::XS_STRING, text) => self.out.str(text),
            (vocab::XS_BOOLEAN, "true") => self.out.bool(true),
            (vocab::XS_BOOLEAN, "false") => self.out.bool(false),
            // Written out it would close JavaScript clones.
            (vocab::XS_INTEGER, "NaN") => self.out.number(f64::NAN),
            (vocab::XS_INTEGER, lexical) => match number::parse_exact(lexical) {
                Some(number) => self.out.int(number),
                None => self.written_out(literal),
            },
            (vocab::XS_DOUBLE, lexical) => self.double(literal, lexical),
            _ => self.written_out(literal),
        }
    }

    /// Writes a double so that it is decoded to the same literal. A plain number without a
    /// fraction would become an integer; a string becomes the canonical form.
    fn double(&mut self, literal: &Literal, lexical: &str) {
        let number: f64 = lexical.parse().unwrap_or(f64::NAN);
        if number::is_double(number) && number::canonical_double(number) == lexical {
            self.out.number(number);
        } else if let Some(integer) = number::parse_exact(lexical) {
            self.out.map(2);
            self.out.str("@value");
            self.out.int(integer);
            self.datatype(&literal.datatype);
        } else {
            self.written_out(literal);
        }
    }

    fn written_out(&mut self, literal: &Literal) {
        self.out.map(2);
        self.out.str("@value");
        self.out.str(&literal.lexical);
        self.datatype(&literal.datatype);
    }

    fn language_string(&mut self, text: &str, tag: &str) {
        self.out.map(2);
        self.out.str("@value");
        self.out.str(text);
        self.out.str("@language");
        self.out.str(tag);
    }

    /// Writes a datatype by a prefix or in full: what is relative is not relative to the same
    /// everywhere (m-ld protocol, section 20, Q6).
    fn datatype(&mut self, datatype: &Iri) {
        self.out.str("@type");
        let short = self.context.wire_id(datatype);
        let whole = datatype.as_str();
        self.out
            .str(if short.contains(':') { &short } else { whole });
    }
}
