//! Another edge that answers on paths of its own. This room names none: whoever builds both joins them.

use std::fmt::Debug;
use std::pin::Pin;

use axum::body::Body;
use http::{Request, Response};

/// An answer under way.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Response<Body>> + Send + 'a>>;

/// A service that takes whole requests of some paths, WebSocket upgrades included, after the envelope did its part.
pub trait Remotes: Debug + Send + Sync {
    /// Whether a request for this path is for the service.
    fn owns(&self, path: &str) -> bool;

    /// Answers a request for a path that it owns.
    fn answer(&self, request: Request<Body>) -> Answering<'_>;
}
