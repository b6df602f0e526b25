//! A stack that stays off the heap while it is shallow, as it is for nearly all input.

/// A last-in-first-out list of small values; the first `N` need no allocation.
#[derive(Debug)]
pub(crate) struct Stack<T, const N: usize> {
    near: [T; N],
    far: Vec<T>,
    len: usize,
}

impl<T: Copy + Default, const N: usize> Stack<T, N> {
    /// An empty stack.
    pub(crate) fn new() -> Self {
        Self {
            near: [T::default(); N],
            far: Vec::new(),
            len: 0,
        }
    }

    /// How many are on it.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Puts one on top.
    pub(crate) fn push(&mut self, item: T) {
        match self.near.get_mut(self.len) {
            Some(slot) => *slot = item,
            None => self.far.push(item),
        }
        self.len = self.len.saturating_add(1);
    }

    /// The one on top.
    pub(crate) fn top(&mut self) -> Option<&mut T> {
        let last = self.len.checked_sub(1)?;
        if last < N {
            self.near.get_mut(last)
        } else {
            self.far.last_mut()
        }
    }

    /// Takes the one on top away.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let last = self.len.checked_sub(1)?;
        self.len = last;
        if last < N {
            self.near.get(last).copied()
        } else {
            self.far.pop()
        }
    }
}
