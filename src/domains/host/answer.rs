//! Answers that wait until what they speak of is durable.

use super::{HostError, Reply};

/// Answers in the order in which they were given.
#[derive(Default)]
pub(super) struct Answers(Vec<Box<dyn FnOnce() + Send>>);

impl Answers {
    /// Keeps an answer. Whoever has gone away meanwhile does not wait for it.
    pub(super) fn push<T: Send + 'static>(
        &mut self,
        reply: Reply<T>,
        answer: Result<T, HostError>,
    ) {
        self.0.push(Box::new(move || drop(reply.send(answer))));
    }

    /// Gives them all.
    pub(super) fn send(self) {
        for answer in self.0 {
            answer();
        }
    }
}
