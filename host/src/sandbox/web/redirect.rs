//! From one request to the next that its answer asks for.

use hyper::body::Bytes;
use hyper::header::HeaderValue;

use super::address::Address;
use super::header::Header;
use super::{Method, SendRequestError};
use crate::domain::id::ModuleName;

/// One request on the way to an answer.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    /// The module that wants it.
    pub(super) asker: ModuleName,
    pub(super) method: Method,
    pub(super) address: Address,
    pub(super) headers: Vec<Header>,
    pub(super) body: Bytes,
    pub(super) idempotency_key: Option<HeaderValue>,
}

impl Hop {
    /// What of it counts as sent.
    pub(super) fn bytes(&self) -> usize {
        let headers = self.headers.iter().map(|header| header.name.as_str().len() + header.value.len()).sum::<usize>();
        self.address.target.len() + headers + self.body.len()
    }

    /// What to ask for after a redirect, as browsers do it. Another host is not told what was meant for the first, and
    /// neither is that one if it comes back to it.
    pub(super) fn follow(self, status: u16, location: &str) -> Result<Hop, SendRequestError> {
        let address = self.address.join(location).map_err(|_| never_asked())?;
        let becomes_get = match status {
            303 => self.method != Method::Head,
            301 | 302 => self.method == Method::Post,
            _ => false,
        };
        let is_elsewhere = address.host != self.address.host;
        let mut next = Hop { address, ..self };
        next.headers.retain(|header| {
            let is_of_body = becomes_get && header.name.as_str().starts_with("content-");
            !(is_of_body || is_elsewhere && header.is_private)
        });
        if becomes_get {
            (next.method, next.body, next.idempotency_key) = (Method::Get, Bytes::new(), None);
        }
        Ok(next)
    }
}

/// Says nothing of where.
pub(super) fn never_asked() -> SendRequestError {
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
            asker: "weather".parse().unwrap(),
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
        use Method::{Delete, Get, Head, Post, Put};
        for (status, before, after) in [
            (301, Post, Get),
            (302, Post, Get),
            (303, Post, Get),
            (307, Post, Post),
            (308, Post, Post),
            (301, Put, Put),
            (302, Delete, Delete),
            (303, Put, Get),
            (303, Head, Head),
            (301, Head, Head),
        ] {
            let next = hop(before).follow(status, "/b").unwrap();
            assert_eq!(next.method, after, "{status} {before:?}");
            let has_changed = after != before;
            assert_eq!((next.body.is_empty(), next.idempotency_key.is_none()), (has_changed, has_changed));
            assert_eq!(names(&next).contains(&"content-type"), !has_changed);
        }
    }

    #[test]
    fn another_host_is_told_no_secret_and_neither_is_the_first_one_afterwards() {
        let same = hop(Method::Get).follow(307, "/b").unwrap();
        assert_eq!(names(&same), ["x-key", "authorization", "content-type", "accept"]);
        let other = same.follow(307, "https://other.example/").unwrap();
        assert_eq!(names(&other), ["content-type", "accept"]);
        let back = other.follow(307, "https://api.example.com/").unwrap();
        assert_eq!(names(&back), ["content-type", "accept"]);
    }

    #[test]
    fn a_redirect_to_what_cannot_be_asked_says_nothing_of_it() {
        for location in ["http://api.example.com/", "https://127.0.0.1/", "https://api.example.com:8443/hunter2"] {
            let error = hop(Method::Get).follow(302, location).unwrap_err().to_string();
            assert!(error.contains("never asked") && !error.contains("hunter2"), "{error}");
        }
    }
    proptest::proptest! {
        #[test]
        fn no_secret_is_told_to_any_but_the_host_that_was_named(
            method in proptest::sample::select(vec![Method::Get, Method::Head, Method::Post, Method::Put, Method::Delete]),
            statuses in proptest::collection::vec(proptest::sample::select(vec![301_u16, 302, 303, 307, 308]), 6),
            locations in proptest::collection::vec("(|//|https://|HTTPS://)(api|API|a)[.]example[.]com[/a]?", 1..6),
        ) {
            let (mut hop, mut is_home) = (hop(method), true);
            for (status, location) in statuses.into_iter().zip(locations) {
                let Ok(next) = hop.clone().follow(status, &location) else { break };
                is_home = is_home && next.address.host == "api.example.com";
                assert_eq!(next.headers.iter().filter(|header| header.is_private).count(), if is_home { 2 } else { 0 });
                // Nothing turns into what may change something.
                assert!(next.method == hop.method || next.method == Method::Get);
                assert!(next.body == hop.body || next.body.is_empty());
                hop = next;
            }
        }
    }
}
