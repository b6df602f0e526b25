//! Why a measurement could not be made: a sentence for whoever runs it.

use std::error::Error;

/// The result of any step of a measurement.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// A measurement could not be made.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    /// Says why.
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }

    /// The same, with what was being done in front.
    pub(crate) fn during(self, what: &str) -> Self {
        Self(format!("{what}: {}", self.0))
    }

    /// Tells it to whoever runs this.
    #[expect(clippy::print_stderr, reason = "a command line program's errors")]
    pub(crate) fn tell(&self) {
        eprintln!("error: {}", self.0);
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self(text)
    }
}
