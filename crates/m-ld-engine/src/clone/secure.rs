//! Messages made secure, and verified (m-ld protocol, section 11).

use super::message::{Arrived, Heading, record_of};
use super::replica::Replica;
use crate::dataset::Graph;
use crate::journal::Record;
use crate::operation::{Operation, Received};
use crate::security::{Attribution, Direction, Kind, SecurityError, seal, unseal};
use crate::wire::Limits;
use crate::wire::control::{self, Request, Response, Signed};

impl Replica {
    /// The record of an operation that this clone makes, and may make illegible to strangers.
    pub(super) fn sealed(&mut self, operation: &Operation) -> Result<Record, SecurityError> {
        let mut record = self.signed(operation)?;
        let state = Graph::new(&*self.view)?;
        let wired = seal(&*self.security, &record.encoded, &state, &mut *self.chance)?;
        record.secured = (*wired != *record.encoded).then(|| wired.into_owned());
        Ok(record)
    }

    /// The record of an operation that this clone makes of others', legible as those are.
    pub(super) fn signed(&self, operation: &Operation) -> Result<Record, SecurityError> {
        let encoded = self.codec.encode(operation);
        let state = Graph::new(&*self.view)?;
        let attribution = self.security.sign(&encoded, Some(&state))?;
        Ok(record_of(operation, encoded, attribution))
    }

    /// Reads and verifies an operation whose time has come.
    pub(super) fn authentic(
        &self,
        heading: Heading,
        opened: Received<'_>,
    ) -> Result<Arrived, SecurityError> {
        let state = Graph::new(&*self.view)?;
        let envelope = &opened.envelope;
        let limits = self.limits_of(heading.source);
        let encoded = unseal(&*self.security, envelope, limits, &state)?;
        let operation = match opened.operation {
            Some(operation) => operation,
            None => self.codec.decode(&encoded, limits)?,
        };
        let attribution = envelope.attribution.map(Attribution::from);
        let mut record = record_of(&operation, encoded.into_owned(), attribution);
        record.secured = envelope.secure.then(|| envelope.operation.to_vec());
        Ok(Arrived {
            heading,
            operation,
            record,
        })
    }

    /// A request, ready to be sent.
    pub(super) fn request(&mut self, request: &Request) -> Result<Vec<u8>, SecurityError> {
        self.wrapped(&request.encode(), Kind::Request)
    }

    /// A response, ready to be sent.
    pub(super) fn response(&mut self, response: &Response) -> Result<Vec<u8>, SecurityError> {
        self.wrapped(&response.encode(), Kind::Response)
    }

    /// An acknowledgement, ready to be sent.
    pub(super) fn acknowledgement(&mut self) -> Result<Vec<u8>, SecurityError> {
        self.wired(&control::ACK, Kind::Response)
    }

    fn wrapped(&mut self, enc: &[u8], kind: Kind) -> Result<Vec<u8>, SecurityError> {
        let state = self.graph()?;
        let attribution = self.security.sign(enc, state.as_ref())?;
        let message = control::wrap(enc, attribution.as_ref().map(Attribution::as_wire));
        self.wired(&message, kind)
    }

    fn wired(&mut self, message: &[u8], kind: Kind) -> Result<Vec<u8>, SecurityError> {
        let state = self
            .is_ready()
            .then(|| Graph::new(&*self.view))
            .transpose()?;
        let direction = Direction::Out(&mut *self.chance);
        let wired = self
            .security
            .wire(message, kind, direction, state.as_ref())?;
        Ok(wired.into_owned())
    }

    /// Reads and verifies a request of another clone.
    pub(super) fn verified(
        &self,
        payload: &[u8],
        limits: &Limits,
    ) -> Result<Request, SecurityError> {
        let state = self.graph()?;
        let state = state.as_ref();
        let message = self
            .security
            .wire(payload, Kind::Request, Direction::In, state)?;
        let Signed {
            body,
            enc,
            attribution,
        } = Request::decode(&message, limits)?;
        self.security.verify(enc, attribution, state)?;
        Ok(body)
    }

    /// Reads a reply of another clone, whose signature nobody verifies. None if it acknowledges.
    pub(super) fn answer_in(
        &self,
        payload: &[u8],
        limits: &Limits,
    ) -> Result<Option<Response>, SecurityError> {
        let state = self.graph()?;
        let direction = Direction::In;
        let message = self
            .security
            .wire(payload, Kind::Response, direction, state.as_ref())?;
        if control::is_ack(&message) {
            return Ok(None);
        }
        Ok(Some(Response::decode(&message, limits)?.body))
    }

    /// The data, if this clone has any.
    fn graph(&self) -> Result<Option<Graph<'_>>, SecurityError> {
        let graph = self.is_ready().then(|| Graph::new(&*self.view));
        Ok(graph.transpose()?)
    }
}
