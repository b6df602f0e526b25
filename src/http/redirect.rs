//! The plain port: whatever is asked for there, the answer is where to ask for it.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Method, Request, StatusCode, header};

/// Longest target that is repeated in the answer.
const TARGET_LIMIT: usize = 4096;

/// Sends a client to the same path below `origin`. Only reads are sent there: what else a client says in
/// clear is said already, and it should learn that.
pub(super) fn to_origin<B>(origin: &str, request: &Request<B>) -> Response {
    let mut response = Response::new(Body::empty());
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let location = HeaderValue::from_str(&format!("{origin}{target}"));
    match location {
        Ok(location) if safe && target.starts_with('/') && target.len() <= TARGET_LIMIT => {
            *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
            response.headers_mut().insert(header::LOCATION, location);
        }
        _ => *response.status_mut() = StatusCode::FORBIDDEN,
    }
    response
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(method: Method, target: &str) -> Response {
        let request = Request::builder()
            .method(method)
            .uri(target)
            .body(())
            .unwrap();
        to_origin("https://gw.example.org", &request)
    }

    #[test]
    fn a_read_is_sent_to_the_same_path() {
        let response = answer(Method::GET, "/a/b?c=d");
        assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
        assert_eq!(
            response.headers()[header::LOCATION],
            "https://gw.example.org/a/b?c=d"
        );
    }

    #[test]
    fn a_write_in_clear_is_refused_and_so_is_what_is_no_path() {
        for (method, target) in [
            (Method::POST, "/"),
            (Method::DELETE, "/x"),
            (Method::GET, "*"),
        ] {
            let response = answer(method, target);
            assert_eq!(response.status(), StatusCode::FORBIDDEN);
            assert!(!response.headers().contains_key(header::LOCATION));
        }
    }
}
