//! The dataset of a domain: an SU-Set of triples (m-ld protocol, section 5).

use crate::store::{StoreError, View};

/// The triples of a domain, as a view of the store shows them.
pub struct Graph<'v> {
    view: &'v dyn View,
}

impl<'v> Graph<'v> {
    /// Reads the triples of a view.
    pub fn new(view: &'v dyn View) -> Result<Self, StoreError> {
        Ok(Self { view })
    }

    /// The view.
    pub fn view(&self) -> &'v dyn View {
        self.view
    }
}
