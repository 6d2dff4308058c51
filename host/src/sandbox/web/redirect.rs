//! Redirects: the next request, made from the last one and its answer.

use hyper::Method;
use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};

use super::address::Address;
use super::header::Header;
use super::request::SendRequestError;
use crate::domain::id::ModuleName;
use crate::net::guarded::GuardedRequest;

/// One request in a chain of redirects.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    /// The module that makes the request.
    pub(super) for_module: ModuleName,
    pub(super) method: Method,
    pub(super) address: Address,
    pub(super) headers: Vec<Header>,
    pub(super) body: Bytes,
    pub(super) idempotency_key: Option<HeaderValue>,
}

impl Hop {
    /// The bytes that count as sent.
    pub(super) fn bytes(&self) -> usize {
        let headers = self.headers.iter().map(|header| header.name.as_str().len() + header.value.len()).sum::<usize>();
        self.address.target.len() + headers + self.body.len()
    }

    pub(super) fn request(&self) -> GuardedRequest<'_> {
        let own = self.headers.iter().map(|header| (header.name.clone(), header.value.clone()));
        let key = self.idempotency_key.iter().map(|key| (HeaderName::from_static("idempotency-key"), key.clone()));
        GuardedRequest {
            for_module: &self.for_module,
            host: &self.address.host,
            target: &self.address.target,
            method: self.method.clone(),
            headers: own.chain(key).collect(),
            body: self.body.clone(),
        }
    }

    /// The request after a redirect, by the rules of browsers. Private headers are dropped on the way to another host,
    /// and stay dropped if a later redirect leads back to the first one.
    pub(super) fn follow(self, status: u16, location: &str) -> Result<Hop, SendRequestError> {
        let address = self.address.join(location).map_err(|_| invalid_redirect())?;
        let becomes_get = match status {
            303 => self.method != Method::HEAD,
            301 | 302 => self.method == Method::POST,
            _ => false,
        };
        let is_elsewhere = address.host != self.address.host;
        let mut next = Hop { address, ..self };
        next.headers.retain(|header| {
            let is_of_body = becomes_get && header.name.as_str().starts_with("content-");
            !(is_of_body || is_elsewhere && header.is_private)
        });
        if becomes_get {
            (next.method, next.body, next.idempotency_key) = (Method::GET, Bytes::new(), None);
        }
        Ok(next)
    }
}

/// The error of a refused redirect. The server chose the address, so the text does not repeat it.
pub(super) fn invalid_redirect() -> SendRequestError {
    SendRequestError::Unreachable("the host redirects to an address that is never asked".to_owned())
}

#[cfg(test)]
mod tests {

    use secrecy::SecretString;

    use super::super::address::parse_address;
    use super::super::header::prepare_headers;
    use super::*;

    fn hop(method: Method) -> Hop {
        let headers = [("x-key", "{secret:token}"), ("authorization", "a"), ("content-type", "b"), ("accept", "c")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let find = |_: &str| Some(SecretString::from("hunter2"));
        Hop {
            for_module: "weather".parse().unwrap(),
            method,
            address: parse_address("https://api.example.com/a").unwrap(),
            headers: prepare_headers(&headers, find).unwrap(),
            body: Bytes::from_static(b"body"),
            idempotency_key: Some(HeaderValue::from_static("1-1")),
        }
    }

    fn names(hop: &Hop) -> Vec<&str> {
        hop.headers.iter().map(|header| header.name.as_str()).collect()
    }

    #[test]
    fn the_method_changes_as_in_a_browser() {
        let (get, head, post) = (Method::GET, Method::HEAD, Method::POST);
        let (put, delete) = (Method::PUT, Method::DELETE);
        for (status, before, after) in [
            (301, &post, &get),
            (302, &post, &get),
            (303, &post, &get),
            (307, &post, &post),
            (308, &post, &post),
            (301, &put, &put),
            (302, &delete, &delete),
            (303, &put, &get),
            (303, &head, &head),
            (301, &head, &head),
        ] {
            let next = hop(before.clone()).follow(status, "/b").unwrap();
            assert_eq!(next.method, *after, "{status} {before:?}");
            let has_changed = after != before;
            assert_eq!((next.body.is_empty(), next.idempotency_key.is_none()), (has_changed, has_changed));
            assert_eq!(names(&next).contains(&"content-type"), !has_changed);
        }
    }

    #[test]
    fn another_host_gets_no_secret_and_neither_does_the_first_one_afterwards() {
        let same = hop(Method::GET).follow(307, "/b").unwrap();
        assert_eq!(names(&same), ["x-key", "authorization", "content-type", "accept"]);
        let other = same.follow(307, "https://other.example/").unwrap();
        assert_eq!(names(&other), ["content-type", "accept"]);
        let back = other.follow(307, "https://api.example.com/").unwrap();
        assert_eq!(names(&back), ["content-type", "accept"]);
    }

    #[test]
    fn a_redirect_to_what_cannot_be_asked_says_nothing_of_it() {
        for location in ["http://api.example.com/", "https://127.0.0.1/", "https://api.example.com:8443/hunter2"] {
            let error = hop(Method::GET).follow(302, location).unwrap_err().to_string();
            assert!(error.contains("never asked") && !error.contains("hunter2"), "{error}");
        }
    }
    proptest::proptest! {
        #[test]
        fn no_secret_goes_to_any_but_the_host_that_was_named(
            method in proptest::sample::select(vec![Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE]),
            statuses in proptest::collection::vec(proptest::sample::select(vec![301_u16, 302, 303, 307, 308]), 6),
            locations in proptest::collection::vec("(|//|https://|HTTPS://)(api|API|a)[.]example[.]com[/a]?", 1..6),
        ) {
            let (mut hop, mut is_home) = (hop(method), true);
            for (status, location) in statuses.into_iter().zip(locations) {
                let Ok(next) = hop.clone().follow(status, &location) else { break };
                is_home = is_home && next.address.host == "api.example.com";
                assert_eq!(next.headers.iter().filter(|header| header.is_private).count(), if is_home { 2 } else { 0 });
                // A redirect never turns a request into one that may change something.
                assert!(next.method == hop.method || next.method == Method::GET);
                assert!(next.body == hop.body || next.body.is_empty());
                hop = next;
            }
        }
    }
}
