//! Looking for damage.

use super::{StoreError, Table, View};

/// Reads every value of every table, and says how many there are.
///
/// A seal that does not fit, or a block that cannot be read, is found here before a clone needs
/// the value. What the values mean is not looked at: for the triples,
/// [`Graph::check`](crate::dataset::Graph::check) does that. Takes no more memory than a chunk of
/// a walk, and keeps nobody waiting.
pub fn scrub(view: &dyn View) -> Result<u64, StoreError> {
    let mut values = 0_u64;
    for table in Table::ALL {
        for entry in view.scan(table, &[]) {
            entry?;
            values = values.saturating_add(1);
        }
    }
    Ok(values)
}
