//! Reads text files that people write: the configuration, a token, a script.

use std::io;
use std::path::Path;

/// The byte order mark that Notepad and PowerShell put at the start of a file.
const MARK: char = '\u{feff}';

/// The text of a file, without a byte order mark.
///
/// # Errors
/// If the file cannot be read or is not UTF-8. The error quotes nothing of the text.
pub fn read_text(path: &Path) -> io::Result<String> {
    let bytes = std::fs::read(path)?;
    let is_utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    let wrong = if is_utf16 { "it is saved as UTF-16; save it as UTF-8" } else { "it is no UTF-8 text" };
    let text = String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, wrong))?;
    Ok(text.strip_prefix(MARK).map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(bytes: &[u8]) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        read_text(file.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn one_byte_order_mark_is_skipped() {
        assert_eq!(read("\u{feff}login = 1\n".as_bytes()).unwrap(), "login = 1\n");
        assert_eq!(read("\u{feff}\u{feff}a".as_bytes()).unwrap(), "\u{feff}a");
        assert_eq!(read(b"").unwrap(), "");
    }

    #[test]
    fn another_encoding_is_named() {
        assert_eq!(read(b"\xff\xfea\0").unwrap_err(), "it is saved as UTF-16; save it as UTF-8");
        assert_eq!(read(b"\xfe\xff\0a").unwrap_err(), "it is saved as UTF-16; save it as UTF-8");
        assert_eq!(read(b"caf\xe9").unwrap_err(), "it is no UTF-8 text");
    }
}
