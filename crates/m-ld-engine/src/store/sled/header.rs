//! The record that says how everything else is laid out.

use super::super::raw::Epochs;
use super::super::{Seal, StoreError, Table};

/// The version of the layout.
const LAYOUT: u32 = 1;
/// Where the header is: after the keys of all tables.
pub(super) const HEADER: &[u8] = &[0xff];

const DAMAGED: StoreError = StoreError::Damaged("the header");

/// What is known of a tree.
#[derive(Default)]
pub(super) struct Header {
    pub(super) epochs: Epochs,
}

impl Header {
    /// The version in clear, so that any version can tell; then all of it, sealed.
    pub(super) fn seal(&self, seal: &dyn Seal) -> Result<Vec<u8>, StoreError> {
        let version = LAYOUT.to_be_bytes();
        let mut content = version.to_vec();
        content.extend(self.epochs.0.iter().flat_map(|epoch| epoch.to_be_bytes()));
        let sealed = seal.seal(Table::Meta, HEADER, &content)?;
        Ok([&version[..], &sealed].concat())
    }

    pub(super) fn open(stored: &[u8], seal: &dyn Seal) -> Result<Self, StoreError> {
        let (version, sealed) = stored.split_first_chunk().ok_or(DAMAGED)?;
        match u32::from_be_bytes(*version) {
            LAYOUT => {}
            found => {
                return Err(StoreError::Layout {
                    found,
                    known: LAYOUT,
                });
            }
        }
        let content = seal.open(Table::Meta, HEADER, sealed)?;
        let (words, []) = content.as_chunks() else {
            return Err(DAMAGED);
        };
        match words.split_first() {
            Some((same, words)) if same == version && words.len() == Table::ALL.len() => {
                let mut epochs = Epochs::default();
                for (epoch, word) in epochs.0.iter_mut().zip(words) {
                    *epoch = u32::from_be_bytes(*word);
                }
                Ok(Self { epochs })
            }
            _ => Err(DAMAGED),
        }
    }
}
