//! An account's access token, read where its [`TokenSource`] says, and only when it is needed.

use std::io;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::{TokenSource, environment};

/// Why a token could not be read. Carries nothing of its text.
#[derive(Debug, thiserror::Error)]
pub enum LoadTokenError {
    #[error("the environment variable {0} is not set")]
    NotSet(String),
    #[error("cannot read the token file {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error(
        "what stands there is no access token: one word of letters and digits, with or without \"oauth:\" before it"
    )]
    NoToken,
}

/// Without `oauth:`.
pub fn load_access_token(source: &TokenSource) -> Result<SecretString, LoadTokenError> {
    let text = match source {
        TokenSource::Environment(variable) => {
            environment::find_token(variable).ok_or_else(|| LoadTokenError::NotSet(variable.clone()))?
        }
        TokenSource::File(path) => std::fs::read_to_string(path)
            .map(SecretString::from)
            .map_err(|source| LoadTokenError::Read { path: path.clone(), source })?,
    };
    parse_access_token(&text)
}

fn parse_access_token(text: &SecretString) -> Result<SecretString, LoadTokenError> {
    let token = text.expose_secret().trim();
    let token = token.strip_prefix("oauth:").unwrap_or(token);
    // It is sent in an IRC line: a blank or a line end in it would start another command.
    let is_token = (1..=512).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
    if is_token { Ok(SecretString::from(token)) } else { Err(LoadTokenError::NoToken) }
}

/// Whether anybody else on this machine may read the file. False where it cannot be told.
pub fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o044 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn parse(text: &str) -> Option<String> {
        parse_access_token(&SecretString::from(text)).ok().map(|token| token.expose_secret().to_owned())
    }

    #[test]
    fn a_token_is_one_word() {
        assert_eq!(parse("abc123").as_deref(), Some("abc123"));
        assert_eq!(parse("oauth:abc123\n").as_deref(), Some("abc123"));
        for bad in ["", "oauth:", "two words", "a\r\nQUIT", "a\0b", &"a".repeat(513)] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
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
