//! Which path means which endpoint. An endpoint without a line here does not exist, and one that
//! `openapi.json` does not describe fails a test.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{self, MethodRouter};

use super::problem::Problem;
use super::state::App;
use super::{admin_api, clone_api, domain_api, gateway_api, openapi};

/// What one method means on one path.
struct Route {
    /// From the root of the origin, with `{names}` for what varies.
    path: &'static str,
    #[cfg(test)]
    method: &'static str,
    endpoint: MethodRouter<App>,
}

/// The API, from the root of the origin.
pub(super) fn router(app: App) -> Router {
    let add = |router: Router<App>, route: Route| router.route(route.path, route.endpoint);
    routes()
        .into_iter()
        .fold(Router::new(), add)
        .fallback(|| async { Problem::not_found() })
        .with_state(app)
}

/// Method and path of each operation.
#[cfg(test)]
pub(super) fn operations() -> Vec<(&'static str, &'static str)> {
    let routes = routes().into_iter();
    routes.map(|route| (route.method, route.path)).collect()
}

#[rustfmt::skip] // a table
fn routes() -> Vec<Route> {
    vec![
        get("/healthz", gateway_api::alive),
        get("/readyz", gateway_api::ready),
        get("/api/v1/context", gateway_api::context),
        get("/api/v1/publicKey", gateway_api::public_key),
        get("/api/v1/openapi.json", openapi::read),
        get("/api/v1/user/{account}", admin_api::account::details),
        patch("/api/v1/user/{account}", admin_api::account::change),
        delete("/api/v1/user/{account}", admin_api::account::close),
        post("/api/v1/user/{account}/key", admin_api::key::mint),
        post("/api/v1/user/{account}/key/{keyid}/rotate", admin_api::key::rotate),
        post("/api/v1/user/{account}/activation", admin_api::activation::request),
        get("/api/v1/user/{account}/publicKey/{keyid}", admin_api::public_key::read),
        get("/api/v1/domain/{account}", domain_api::list),
        post("/api/v1/domain/{account}", domain_api::configure),
        put("/api/v1/domain/{account}/{name}", domain_api::create),
        delete("/api/v1/domain/{account}/{name}", domain_api::delete),
        get("/api/v1/domain/{account}/{name}/state", clone_api::read::read),
        post("/api/v1/domain/{account}/{name}/state", clone_api::write::write),
        delete("/api/v1/domain/{account}/{name}/state", clone_api::write::unlock),
        post("/api/v1/domain/{account}/{name}/poll", clone_api::write::poll),
        get("/api/v1/domain/{account}/{name}/subs", clone_api::subscribe::read),
        delete("/api/v1/domain/{account}/{name}/subs", clone_api::subscribe::end),
        get("/api/v1/domain/{account}/{name}/updates", clone_api::updates::updates),
    ]
}

/// A function for each method, so that a line of the table cannot say one and mean another.
macro_rules! methods {
    ($($method:ident)*) => {$(
        fn $method<T: 'static>(path: &'static str, endpoint: impl Handler<T, App>) -> Route {
            Route {
                path,
                #[cfg(test)]
                method: stringify!($method),
                endpoint: routing::$method(endpoint),
            }
        }
    )*};
}

methods!(get post put patch delete);
