//! Stars out sent secrets in an answer. Many an API repeats the key that it refuses, and a module would then say the
//! key in chat, or log it.
//!
//! Only the form in which a secret was sent is found: this stops accidents, not a host that wants to reveal the secret.

use memchr::memmem;
use secrecy::{ExposeSecret, SecretString};

use super::header::Header;
use super::request::WebResponse;

/// Shortest secret that is searched for, in bytes; shorter ones occur in answers by chance.
const SHORTEST: usize = 6;

/// The secrets of one request, longest first: otherwise only a part of a longer secret might be replaced.
pub(super) struct SentSecrets(Vec<SecretString>);

impl SentSecrets {
    pub(super) fn of(headers: &[Header]) -> SentSecrets {
        let long = |secret: &&SecretString| secret.expose_secret().len() >= SHORTEST;
        let mut secrets: Vec<_> = headers.iter().flat_map(|header| &header.secrets).filter(long).cloned().collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
        SentSecrets(secrets)
    }

    /// Replaces each secret by as many stars, so that the answer keeps its declared length.
    pub(super) fn redact(&self, response: &mut WebResponse) {
        for secret in self.0.iter().map(ExposeSecret::expose_secret) {
            for (_, value) in &mut response.headers {
                if value.contains(secret) {
                    *value = value.replace(secret, &"*".repeat(secret.len()));
                }
            }
            let found: Vec<usize> = memmem::find_iter(&response.body, secret).collect();
            for at in found {
                response.body[at..at + secret.len()].fill(b'*');
            }
        }
    }

    /// Whether a host's name contains a secret; names are in lower case, so the secret is compared in lower case.
    pub(super) fn is_in_name(&self, host: &str) -> bool {
        self.0.iter().any(|secret| host.contains(&secret.expose_secret().to_ascii_lowercase()))
    }
}

#[cfg(test)]
mod tests {

    use super::super::header::prepare_headers;
    use super::*;

    fn sent(secrets: &[&str]) -> SentSecrets {
        let find = |key: &str| Some(SecretString::from(secrets[key.parse::<usize>().unwrap()]));
        let header = |index| ("x-key".to_owned(), format!("{{secret:{index}}}"));
        SentSecrets::of(&prepare_headers(&(0..secrets.len()).map(header).collect::<Vec<_>>(), find).unwrap())
    }

    fn blotted(secrets: &[&str], text: &str) -> String {
        let headers = vec![("x-echo".to_owned(), text.to_owned())];
        let mut response = WebResponse { status: 200, headers, body: text.as_bytes().to_vec() };
        sent(secrets).redact(&mut response);
        let body = String::from_utf8(response.body).unwrap();
        assert_eq!(response.headers, [("x-echo".to_owned(), body.clone())]);
        body
    }

    #[test]
    fn a_secret_that_comes_back_is_blotted_out() {
        for (secrets, text, expected) in [
            (&["hunter2"][..], "no such key: hunter2", "no such key: *******"),
            (&["hunter2"], "hunter2hunter2 hunter hunter2", "************** hunter *******"),
            (&["hunter2", "hunter2-secret"], "hunter2-secret hunter2", "************** *******"),
            (&["schl\u{fc}ssel"], "der schl\u{fc}ssel", "der **********"),
            (&["12345"], "112345", "112345"),
            (&[], "hunter2", "hunter2"),
        ] {
            assert_eq!(blotted(secrets, text), expected);
        }
    }

    #[test]
    fn a_name_is_lower_case() {
        assert!(sent(&["Hunter2"]).is_in_name("hunter2.example.com"));
        assert!(!sent(&["Hunter2"]).is_in_name("hunter.example.com"));
    }
}
