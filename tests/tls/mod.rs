//! The listener as its clients see it: what TLS it speaks, and whom it lets wait for how long.

mod files;
mod offers;
mod patience;
mod world;
