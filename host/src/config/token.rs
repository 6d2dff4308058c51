//! Loads an account's access token from its [`TokenSource`], only when a login needs it.

use std::io;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::text::read_text;
use super::{TokenSource, environment};

/// Why a token could not be loaded. Contains nothing of the token's text.
#[derive(Debug, thiserror::Error)]
pub enum LoadTokenError {
    #[error("the environment variable {0} is not set")]
    NotSet(String),
    #[error("cannot read the token file {}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    /// `holder` names the variable or the file.
    #[error("{holder} holds no access token: {why}")]
    NoToken { holder: String, why: ParseTokenError },
}

/// Why a text is no token, and how to correct that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseTokenError {
    #[error("it is empty")]
    Empty,
    #[error("write it {}", environment::WITHOUT_QUOTES)]
    Quoted,
    #[error("write the token alone, without a name and \"=\" before it")]
    Named,
    #[error("a token is up to 512 letters, digits, \"_\" and \"-\", with or without \"oauth:\" before them")]
    Characters,
}

/// The access token, without the prefix `oauth:`.
pub fn load_access_token(source: &TokenSource) -> Result<SecretString, LoadTokenError> {
    let (holder, text) = match source {
        TokenSource::Environment(variable) => {
            let text = environment::find_secret(variable).ok_or_else(|| LoadTokenError::NotSet(variable.clone()))?;
            (format!("the environment variable {variable}"), text)
        }
        TokenSource::File(path) => {
            let text = read_text(path).map_err(|error| LoadTokenError::Read { path: path.clone(), error })?;
            (format!("the token file {}", path.display()), SecretString::from(text))
        }
    };
    parse_access_token(&text).map_err(|why| LoadTokenError::NoToken { holder, why })
}

fn parse_access_token(text: &SecretString) -> Result<SecretString, ParseTokenError> {
    let text = text.expose_secret().trim();
    let token = text.strip_prefix("oauth:").unwrap_or(text);
    if token.is_empty() {
        return Err(ParseTokenError::Empty);
    }
    if environment::is_quoted(text) || environment::is_quoted(token) {
        return Err(ParseTokenError::Quoted);
    }
    if token.contains('=') {
        return Err(ParseTokenError::Named);
    }
    // The token is sent in an IRC line: a blank or a line break in it would start another command.
    let is_token =
        token.len() <= 512 && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_token { Ok(SecretString::from(token)) } else { Err(ParseTokenError::Characters) }
}

/// Whether other users of this machine may read the file. `false` if its permissions cannot be read.
pub fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o044 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn parse(text: &str) -> Result<String, ParseTokenError> {
        parse_access_token(&SecretString::from(text)).map(|token| token.expose_secret().to_owned())
    }

    #[test]
    fn a_token_is_one_word() {
        assert_eq!(parse("abc123").as_deref(), Ok("abc123"));
        assert_eq!(parse("oauth:abc_1-23\r\n").as_deref(), Ok("abc_1-23"));
        for bad in ["two words", "a\r\nQUIT", "a\0b", "abc\u{200b}", "a;b", "ab\"", "oauth:oauth:abc", &"a".repeat(513)]
        {
            assert_eq!(parse(bad), Err(ParseTokenError::Characters), "{bad:?}");
        }
    }

    #[test]
    fn what_was_taken_for_a_token_is_reported() {
        for (text, why) in [
            ("", ParseTokenError::Empty),
            (" \n", ParseTokenError::Empty),
            ("oauth:", ParseTokenError::Empty),
            ("\"oauth:abc\"", ParseTokenError::Quoted),
            ("'abc'", ParseTokenError::Quoted),
            ("oauth:\"abc\"", ParseTokenError::Quoted),
            ("TWITCHY_TOKEN=abc", ParseTokenError::Named),
            ("export TOKEN='oauth:abc'", ParseTokenError::Named),
        ] {
            assert_eq!(parse(text), Err(why), "{text:?}");
            assert!(!why.to_string().contains("abc"));
        }
    }

    #[test]
    fn a_token_file_may_be_written_with_notepad() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "\u{feff}oauth:abc\r\n").unwrap();
        let source = TokenSource::File(file.path().to_owned());
        assert_eq!(load_access_token(&source).unwrap().expose_secret(), "abc");
        fs::write(file.path(), b"\xff\xfeo\0").unwrap();
        let error = load_access_token(&source).unwrap_err().to_string();
        assert!(error.starts_with("cannot read the token file ") && error.ends_with("save it as UTF-8"), "{error}");
    }

    #[test]
    fn a_token_file_is_read_anew_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "oauth:first\n").unwrap();
        let source = TokenSource::File(path.clone());
        assert_eq!(load_access_token(&source).unwrap().expose_secret(), "first");
        fs::write(&path, "second").unwrap();
        assert_eq!(load_access_token(&source).unwrap().expose_secret(), "second");
        fs::remove_file(&path).unwrap();
        assert!(matches!(load_access_token(&source), Err(LoadTokenError::Read { .. })));
    }

    #[test]
    fn a_missing_variable_is_named() {
        let source = TokenSource::Environment("TWITCHY_TEST_NEVER_SET".into());
        let error = load_access_token(&source).unwrap_err();
        assert_eq!(error.to_string(), "the environment variable TWITCHY_TEST_NEVER_SET is not set");
    }

    #[test]
    fn an_open_token_file_is_noticed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (mode, is_open) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_readable_by_others(file.path()), is_open, "{mode:o}");
        }
    }
}
