//! The text of an API key: `twk_`, 12 hexadecimal digits (the id), `_`, and 64 hexadecimal digits (the secret).

use std::fmt::Write as _;

pub use secrecy::ExposeSecret;
use secrecy::{SecretBox, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::entropy::Entropy;
use crate::domain::principal::KeyId;

const PREFIX: &str = "twk_";
/// Bytes of the secret. A fast hash is enough for 256 random bits, because nobody can try them all.
const SECRET: usize = 32;

/// A key with its secret. Debug redacts the secret, and its memory is zeroed on drop.
#[derive(Debug)]
pub struct KeySecret {
    id: KeyId,
    secret: SecretBox<[u8; SECRET]>,
}

impl KeySecret {
    /// Makes a new random key.
    pub fn make(entropy: &dyn Entropy) -> KeySecret {
        let mut id = [0; 6];
        entropy.fill(&mut id);
        let id = write_hex(&id).parse().expect("six bytes are 12 hexadecimal digits");
        let secret = SecretBox::init_with_mut(|secret: &mut [u8; SECRET]| entropy.fill(secret));
        KeySecret { id, secret }
    }

    /// `None` if the text is no well-formed key.
    pub fn parse(text: &str) -> Option<KeySecret> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let id = id.parse().ok()?;
        let mut is_right = secret.len() == 2 * SECRET;
        let secret = SecretBox::init_with_mut(|bytes: &mut [u8; SECRET]| {
            for (byte, pair) in bytes.iter_mut().zip(secret.as_bytes().chunks_exact(2)) {
                let digits = [read_digit(pair[0]), read_digit(pair[1])];
                is_right &= digits.iter().all(Option::is_some);
                *byte = digits[0].unwrap_or(0) << 4 | digits[1].unwrap_or(0);
            }
        });
        is_right.then_some(KeySecret { id, secret })
    }

    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// SHA-256 of the secret, which is stored in its place.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.secret.expose_secret()).into()
    }

    /// Whether the stored `digest` is this key's. Takes constant time, so that timing reveals nothing.
    pub fn opens(&self, digest: &[u8; 32]) -> bool {
        self.digest().ct_eq(digest).into()
    }

    /// The key's text, shown to its holder once.
    pub fn reveal(&self) -> SecretString {
        let mut text = String::with_capacity(PREFIX.len() + 12 + 1 + 2 * SECRET);
        text.push_str(PREFIX);
        text.push_str(self.id.as_str());
        text.push('_');
        push_hex(&mut text, self.secret.expose_secret());
        SecretString::from(text)
    }
}

fn read_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

/// Hexadecimal digits in lower case.
pub(super) fn write_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    push_hex(&mut text, bytes);
    text
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a String takes whatever is written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.iter_mut().zip(0xa0..).for_each(|(byte, number)| *byte = number);
        }
    }

    #[test]
    fn a_key_is_read_back_and_opens_only_itself() {
        let key = KeySecret::make(&Counting);
        let text = key.reveal();
        assert!(text.expose_secret().starts_with("twk_a0a1a2a3a4a5_a0a1a2"));
        let again = KeySecret::parse(text.expose_secret()).unwrap();
        assert!(again.opens(&key.digest()) && again.id() == key.id());
        let mut other = text.expose_secret().to_owned();
        other.pop();
        other.push('0');
        assert!(!KeySecret::parse(&other).unwrap().opens(&key.digest()));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let secret = "0".repeat(64);
        let long = format!("twk_0123456789ab_{secret}0");
        let upper = format!("twk_0123456789ab_{}", "A".repeat(64));
        let id = format!("twk_0123456789a_{secret}");
        let multibyte = format!("twk_0123456789ab_{}é", "0".repeat(62));
        for bad in ["", "twk_", "twk_0123456789ab", "twk_0123456789ab_", &secret, &long, &upper, &id, &multibyte] {
            assert!(KeySecret::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_key_that_is_shown_shows_no_secret() {
        let shown = format!("{:?}", KeySecret::make(&Counting));
        assert!(shown.contains("a0a1a2a3a4a5") && !shown.contains("a6a7") && !shown.contains("166"), "{shown}");
    }
}
