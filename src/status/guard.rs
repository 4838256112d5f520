//! What every answer of the status pages carries, and who is not answered.

use axum::Router;
use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};

/// Nothing may be loaded, run, framed or sent from these pages; their own style is in them.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// On every answer, errors included. No header allows another origin to read along.
const HEADERS: [(HeaderName, &str); 5] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// The site behind its guard. With `loopback`, only requests for this machine are let through.
pub(super) fn guarded(site: Router, loopback: bool) -> Router {
    site.layer(from_fn(move |request: Request, next: Next| async move {
        let mut response = if loopback && !is_for_this_machine(request.headers()) {
            misdirected()
        } else {
            next.run(request).await
        };
        for (name, value) in HEADERS {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
        response
    }))
}

fn misdirected() -> Response {
    let said = "This page answers to localhost and to loopback addresses only.\n";
    (StatusCode::MISDIRECTED_REQUEST, said).into_response()
}

/// A browser that was led here by a name that somebody pointed at 127.0.0.1 says that name. The
/// port is not looked at: it may have been forwarded.
fn is_for_this_machine(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let Ok(authority) = Authority::try_from(host.as_bytes()) else {
        return false;
    };
    if authority.as_str().contains('@') {
        return false;
    }
    let host = authority.host();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers_to(hosts: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_str(host).unwrap());
        }
        is_for_this_machine(&headers)
    }

    #[test]
    fn loopback_by_any_of_its_names_and_on_any_port() {
        for host in [
            "localhost",
            "LOCALHOST:8686",
            "127.0.0.1:8686",
            "127.8.8.8",
            "[::1]:9000",
        ] {
            assert!(answers_to(&[host]), "{host}");
        }
    }

    #[test]
    fn no_name_that_somebody_else_may_own() {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8686",
            "10.0.0.1",
            "[::]",
            "",
            "user@localhost:x",
        ] {
            assert!(!answers_to(&[host]), "{host}");
        }
        assert!(!answers_to(&[]), "no host");
        assert!(!answers_to(&["localhost", "evil.example"]), "two hosts");
    }
}
