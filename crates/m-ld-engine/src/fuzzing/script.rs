//! What a fuzzer says, read as choices.

use crate::clock::MAX_TICKS;

/// What is left of the bytes. Where they end they say zero.
pub(super) struct Script<'s>(&'s [u8]);

impl<'s> Script<'s> {
    pub(super) fn new(bytes: &'s [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    /// A number below `end`, which is small.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end.max(1)
    }

    /// One of some things, if there are any.
    pub(super) fn one_of<'c, T>(&mut self, choices: &'c [T]) -> Option<&'c T> {
        choices.get(self.below(choices.len()))
    }

    /// A number of ticks: mostly a small one, else any or almost too many.
    pub(super) fn ticks(&mut self) -> u64 {
        match self.byte() {
            small @ ..0xf0 => small.into(),
            0xf0..0xf8 => {
                let mut bytes = [0; 8];
                bytes.fill_with(|| self.byte());
                u64::from_be_bytes(bytes)
            }
            0xf8.. => MAX_TICKS.saturating_sub(self.byte().into()),
        }
    }

    /// Some bytes, at most 255.
    pub(super) fn bytes(&mut self) -> &'s [u8] {
        let len = usize::from(self.byte()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(len);
        self.0 = rest;
        bytes
    }
}
