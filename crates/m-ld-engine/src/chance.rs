//! Randomness, which the embedder gives.

/// A source of bytes that nobody can guess. A test gives one that it can.
pub trait Chance: Send {
    /// Fills a buffer.
    fn fill(&mut self, bytes: &mut [u8]);
}

impl dyn Chance + '_ {
    /// A new identity: 25 characters, of which the first is `c`, as the JavaScript engine's
    /// (m-ld protocol, section 1). There are about 2^124 of them.
    pub fn identity(&mut self) -> String {
        const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        let mut bytes = [0; 24];
        self.fill(&mut bytes);
        let digits = bytes.iter().map(|byte| {
            let digit = DIGITS.get(usize::from(*byte) % DIGITS.len());
            char::from(digit.copied().unwrap_or(b'0'))
        });
        std::iter::once('c').chain(digits).collect()
    }
}
