//! Clocks that tick, forward and back, and fork.

use super::super::tree::{self, Node, Side, leaf};
use super::super::{ClockError, MAX_DEPTH};
use super::TreeClock;

impl TreeClock {
    /// This clock with one more tick of its own.
    pub fn ticked(&self) -> Result<Self, ClockError> {
        self.ticked_to(self.ticks() + 1)
    }

    /// This clock with its own ticks set to `ticks`, forward or back.
    ///
    /// Going back beyond a fork drops the fork. A clock without an ID stays as it is.
    pub fn ticked_to(&self, ticks: u64) -> Result<Self, ClockError> {
        let mut next = self.clone();
        let Some(id) = next.id else { return Ok(next) };
        let mut left = ticks;
        let dropped = self.path_to(id).find(|at| {
            let local = self.nodes[*at].ticks;
            left.checked_sub(local).map(|less| left = less).is_none()
        });
        match dropped {
            Some(at) => {
                tree::replace(&mut next.nodes, at, &[leaf(left, true)]);
                next.id = Some(tree::narrow(at));
            }
            None => next.nodes[id as usize].ticks = left,
        }
        next.checked()
    }

    /// This clock with the ticks of *another* process set to what that process' own clock says,
    /// forward or back.
    ///
    /// # Errors
    /// [`ClockError::Ambiguous`] if the process has forked since, and is to have ticks that it
    /// made after the fork.
    pub fn ticked_for(&self, process: &Self) -> Result<Self, ClockError> {
        let Some(id) = process.id else {
            return Ok(self.clone());
        };
        let mut ticks = process.ticks();
        let (mut at, mut their) = (0, 0);
        loop {
            let node = self.nodes[at];
            if ticks < node.ticks {
                return self.with_leaf(at, ticks);
            }
            if their == id as usize {
                return self.with_ticks(at, ticks);
            }
            let side = tree::side_of(&process.nodes, their, id as usize);
            if !node.is_fork() {
                return self.with_path(at, ticks - node.ticks, &process.nodes, their, id as usize);
            }
            ticks -= node.ticks;
            at = tree::child(&self.nodes, at, side);
            their = tree::child(&process.nodes, their, side);
        }
    }

    /// Drops whatever is at `at` in favour of a leaf.
    fn with_leaf(&self, at: usize, ticks: u64) -> Result<Self, ClockError> {
        let is_id = self.id_within(at);
        let mut next = self.clone();
        tree::replace(&mut next.nodes, at, &[leaf(ticks, is_id)]);
        next.relocated()
    }

    /// Sets the ticks of a process that is at `at`.
    fn with_ticks(&self, at: usize, ticks: u64) -> Result<Self, ClockError> {
        let mut next = self.clone();
        if !self.nodes[at].is_fork() {
            next.nodes[at].ticks = ticks;
            return next.checked();
        }
        if ticks > self.nodes[at].ticks {
            return Err(ClockError::Ambiguous);
        }
        // Nothing is left for the branches. Only one with our ID in it is set back to that.
        if let Some(id) = self.id.filter(|_| self.id_within(at)) {
            let side = tree::side_of(&self.nodes, at, id as usize);
            let branch = tree::child(&self.nodes, at, side);
            let branch = Self::rooted(tree::sub_tree(&self.nodes, branch)).ticked_to(0)?;
            let at = tree::child(&self.nodes, at, side);
            tree::replace(&mut next.nodes, at, &branch.nodes);
        }
        next.relocated()
    }

    /// Grows the path to a process, of which this clock knows only an ancestor at the leaf `at`.
    fn with_path(
        &self,
        at: usize,
        ticks: u64,
        their: &[Node<bool>],
        mut from: usize,
        id: usize,
    ) -> Result<Self, ClockError> {
        let mut grown = Vec::new();
        let mut after = 0;
        let mut local = self.nodes[at].ticks;
        while from != id {
            grown.push(Node {
                ticks: local,
                size: 3,
                leaf: false,
            });
            let side = tree::side_of(their, from, id);
            match side {
                Side::Left => after += 1,
                Side::Right => grown.push(leaf(0, false)),
            }
            from = tree::child(their, from, side);
            local = 0;
        }
        grown.push(leaf(ticks, false));
        grown.extend(std::iter::repeat_n(leaf(0, false), after));
        tree::set_sizes(&mut grown);
        let mut next = self.clone();
        tree::replace(&mut next.nodes, at, &grown);
        next.relocated()
    }

    /// Two clocks in the place of this one: the process keeps the left, and gives the right to a
    /// new process.
    ///
    /// # Errors
    /// [`ClockError::NoId`] if this clock belongs to nobody, and [`ClockError::TooDeep`] if its
    /// process has forked too often.
    pub fn forked(&self) -> Result<(Self, Self), ClockError> {
        let id = self.id.ok_or(ClockError::NoId)? as usize;
        if tree::depth_of(&self.nodes, id) >= MAX_DEPTH {
            return Err(ClockError::TooDeep);
        }
        let fork = |left| {
            let mut next = self.clone();
            let root = Node {
                ticks: self.nodes[id].ticks,
                size: 3,
                leaf: false,
            };
            tree::replace(&mut next.nodes, id, &[root, leaf(0, left), leaf(0, !left)]);
            next.relocated()
        };
        Ok((fork(true)?, fork(false)?))
    }
}
