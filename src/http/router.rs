//! Which path means which endpoint. An endpoint without a line here does not exist.

use axum::Router;
use axum::routing::{get, post, put};

use super::problem::Problem;
use super::state::App;
use super::{admin_api, clone_api, domain_api, gateway_api};

/// The API, from the root of the origin.
pub(super) fn router(app: App) -> Router {
    let api = Router::new()
        .route("/context", get(gateway_api::context))
        .route("/publicKey", get(gateway_api::public_key))
        .route(
            "/user/{account}",
            get(admin_api::account::details)
                .patch(admin_api::account::change)
                .delete(admin_api::account::close),
        )
        .route("/user/{account}/key", post(admin_api::key::mint))
        .route(
            "/user/{account}/key/{keyid}/rotate",
            post(admin_api::key::rotate),
        )
        .route(
            "/user/{account}/activation",
            post(admin_api::activation::request),
        )
        .route(
            "/user/{account}/publicKey/{keyid}",
            get(admin_api::public_key::read),
        )
        .route(
            "/domain/{account}",
            get(domain_api::list).post(domain_api::configure),
        )
        .route(
            "/domain/{account}/{name}",
            put(domain_api::create).delete(domain_api::delete),
        )
        .route(
            "/domain/{account}/{name}/state",
            get(clone_api::read::read)
                .post(clone_api::write::write)
                .delete(clone_api::write::unlock),
        )
        .route(
            "/domain/{account}/{name}/poll",
            post(clone_api::write::poll),
        )
        .route(
            "/domain/{account}/{name}/subs",
            get(clone_api::subscribe::read).delete(clone_api::subscribe::end),
        )
        .route(
            "/domain/{account}/{name}/updates",
            get(clone_api::updates::updates),
        );
    Router::new()
        .nest("/api/v1", api)
        .route("/healthz", get(gateway_api::alive))
        .route("/readyz", get(gateway_api::ready))
        .fallback(|| async { Problem::not_found() })
        .with_state(app)
}
