//! Terms that are the same to every engine.

use crate::change::Change;
use crate::number;
use crate::rdf::{Literal, Term, Triple, vocab};

/// A change in terms that are the same to every engine: a double without a fraction is an integer
/// (m-ld protocol, Q4), and a string has no language (Q5).
pub(super) fn normal(change: Change) -> Change {
    let triple = |triple: Triple| Triple {
        object: match triple.object {
            Term::Literal(literal) => Term::Literal(normal_literal(literal)),
            iri @ Term::Iri(_) => iri,
        },
        ..triple
    };
    let mut normal = Change {
        edits: change.edits,
        ..Change::default()
    };
    for deleted in change.deletes {
        normal.delete(triple(deleted));
    }
    for (inserted, data) in change.inserts {
        normal.insert(triple(inserted), data);
    }
    normal
}

fn normal_literal(literal: Literal) -> Literal {
    match literal.datatype.as_str() {
        vocab::RDF_LANG_STRING => Literal::string(literal.lexical),
        vocab::XS_DOUBLE => match literal.lexical.parse() {
            Ok(value) if f64::is_finite(value) => number::literal(value),
            _ => literal,
        },
        _ => literal,
    }
}
