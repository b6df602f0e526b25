//! IRIs that the protocol knows (m-ld protocol, section 22.1).

/// Namespace of RDF.
pub const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
/// `rdf:type`.
pub const RDF_TYPE: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";
/// `rdf:langString`.
pub const RDF_LANG_STRING: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString";
/// `rdf:JSON`.
pub const RDF_JSON: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON";
/// `rdf:subject`.
pub const RDF_SUBJECT: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#subject";
/// `rdf:predicate`.
pub const RDF_PREDICATE: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#predicate";
/// `rdf:object`.
pub const RDF_OBJECT: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#object";

/// Namespace of XML Schema datatypes.
pub const XS: &str = "http://www.w3.org/2001/XMLSchema#";
/// `xs:string`.
pub const XS_STRING: &str = "http://www.w3.org/2001/XMLSchema#string";
/// `xs:boolean`.
pub const XS_BOOLEAN: &str = "http://www.w3.org/2001/XMLSchema#boolean";
/// `xs:integer`.
pub const XS_INTEGER: &str = "http://www.w3.org/2001/XMLSchema#integer";
/// `xs:double`.
pub const XS_DOUBLE: &str = "http://www.w3.org/2001/XMLSchema#double";
/// `xs:base64Binary`: binary data, indirected.
pub const XS_BASE64_BINARY: &str = "http://www.w3.org/2001/XMLSchema#base64Binary";

/// Text that is edited together ("TSeq"): indirected and shared.
pub const TSEQ: &str = "http://ext.m-ld.org/tseq/TSeq";

/// The ids of the transactions of a reified triple.
pub const M_LD_TID: &str = "http://m-ld.org/#tid";
/// The operation on shared data of a reified triple.
pub const M_LD_OP: &str = "http://m-ld.org/#op";

/// The public key of a principal.
pub const M_LD_PUBLIC_KEY: &str = "http://m-ld.org/#public-key";
/// The secret with which a domain's operations are encrypted.
pub const M_LD_SECRET: &str = "http://m-ld.org/#secret";

/// The class of default lists.
pub const RDF_LSEQ: &str = "http://m-ld.org/RdfLseq";
/// What the predicate from a list to a slot begins with; a position follows.
pub const LSEQ_POSITION: &str = "http://m-ld.org/RdfLseq/?=";
/// What a predicate stands for that means an index in a list, in a write.
pub const LIST_INDEX: &str = "data:application/mld-li,";
/// From a slot to its item.
pub const JRQL_ITEM: &str = "http://json-rql.org/#item";
/// From a slot to its index.
pub const JRQL_INDEX: &str = "http://json-rql.org/#index";

/// The list of extensions of a domain.
pub const EXTENSIONS: &str = "http://m-ld.org/extensions";

/// What the predicates of shapes begin with: SHACL.
pub const SH: &str = "http://www.w3.org/ns/shacl#";
/// From a property shape to the property it is about.
pub const SH_PATH: &str = "http://www.w3.org/ns/shacl#path";
/// The least number of values that a property shape wants.
pub const SH_MIN_COUNT: &str = "http://www.w3.org/ns/shacl#minCount";
/// The greatest number of values that a property shape wants.
pub const SH_MAX_COUNT: &str = "http://www.w3.org/ns/shacl#maxCount";
/// From a node shape to the class it is about.
pub const SH_TARGET_CLASS: &str = "http://www.w3.org/ns/shacl#targetClass";
/// From the declaration of text to the properties that have it.
pub const SH_TARGET_OBJECTS_OF: &str = "http://www.w3.org/ns/shacl#targetObjectsOf";

/// The class of statutes.
pub const M_LD_STATUTE: &str = "http://m-ld.org/#Statute";
/// From a statute to the shapes it protects.
pub const M_LD_STATUTORY_SHAPE: &str = "http://m-ld.org/#statutory-shape";
/// From a statute to what suffices to change them.
pub const M_LD_SUFFICIENT_CONDITION: &str = "http://m-ld.org/#sufficient-condition";
/// From a principal to the shapes it has authority over; also the condition that it has.
pub const M_LD_HAS_AUTHORITY: &str = "http://m-ld.org/#has-authority";
/// The class of permissions to write.
pub const M_LD_WRITE_PERMISSION: &str = "http://m-ld.org/#WritePermission";
/// From a permission, or from the declaration of shapes, to the shapes it is about.
pub const M_LD_CONTROLLED_SHAPE: &str = "http://m-ld.org/#controlled-shape";
/// From a principal to its permissions.
pub const M_LD_HAS_PERMISSION: &str = "http://m-ld.org/#has-permission";

/// The `CommonJS` module of an extension.
pub const JS_REQUIRE: &str = "http://js.m-ld.org/#require";
/// The ECMAScript module of an extension.
pub const JS_MODULE: &str = "http://js.m-ld.org/#module";
/// The class of an extension, which its module exports.
pub const JS_CLASS: &str = "http://js.m-ld.org/#class";
