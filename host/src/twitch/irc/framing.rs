//! Splits a stream of bytes into lines of bounded length.

use std::io;

use memchr::memchr;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes. Twitch publishes no number: IRCv3 allows 8,191 for tags, a quoted message can take more, and 500 characters
/// of text take up to 2,000.
const LONGEST_LINE: usize = 16 * 1024;
/// Bytes requested per read, so that a busy stream needs few reads.
const READ_SIZE: usize = 64 * 1024;

/// The bytes that were received but not yet returned as lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    buffer: Vec<u8>,
    /// Start of the first unread line.
    start: usize,
    /// There is no line feed before this index, except in lines already returned.
    searched: usize,
    /// Inside an overlong line, whose rest is skipped.
    is_skipping: bool,
    /// Overlong lines so far.
    pub(crate) skipped: u64,
}

impl Lines {
    /// Reads once; `false` when the stream has ended. Cancel safe.
    pub(crate) async fn fill(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<bool> {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.buffer.reserve(READ_SIZE);
        Ok(stream.read_buf(&mut self.buffer).await? > 0)
    }

    /// The next whole line without its ending; `None` if more has to be read.
    pub(crate) fn next_line(&mut self) -> Option<&[u8]> {
        loop {
            let Some(length) = memchr(b'\n', &self.buffer[self.searched..]) else {
                self.searched = self.buffer.len();
                self.drop_if_long();
                return None;
            };
            let (start, end) = (self.start, self.searched + length);
            self.start = end + 1;
            self.searched = self.start;
            let is_long = end - start > LONGEST_LINE;
            self.skipped += u64::from(is_long && !self.is_skipping);
            let is_rest = std::mem::take(&mut self.is_skipping);
            if !is_long && !is_rest {
                let line = &self.buffer[start..end];
                return Some(line.strip_suffix(b"\r").unwrap_or(line));
            }
        }
    }

    /// Frees the buffered part of an overlong line.
    fn drop_if_long(&mut self) {
        if self.buffer.len() - self.start > LONGEST_LINE {
            self.skipped += u64::from(!self.is_skipping);
            self.is_skipping = true;
            self.start = self.buffer.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads `input` in pieces of `piece` bytes. Returns the lines, and the number of overlong ones.
    fn read_all(input: &[u8], piece: usize) -> (Vec<String>, u64) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut lines, mut read) = (Lines::default(), Vec::new());
            for mut piece in input.chunks(piece) {
                while lines.fill(&mut piece).await.unwrap() {
                    while let Some(line) = lines.next_line() {
                        read.push(String::from_utf8_lossy(line).into_owned());
                    }
                    assert!(lines.buffer.capacity() < 4 * (LONGEST_LINE + READ_SIZE), "what is held has an end");
                }
            }
            (read, lines.skipped)
        })
    }

    #[test]
    fn lines_end_with_a_line_feed_and_perhaps_a_carriage_return() {
        assert_eq!(read_all(b"a\r\nb\n\r\nc\rd\r\nunfinished", 3).0, ["a", "b", "", "c\rd"]);
    }

    #[test]
    fn bytes_that_are_not_text_are_replaced_and_the_line_lives() {
        assert_eq!(read_all(b"a\xffb\r\n\xf0\x9f\x8e\r\nok\r\n", 100).0, ["a\u{fffd}b", "\u{fffd}", "ok"]);
    }

    #[test]
    fn a_line_without_end_is_skipped_and_the_next_one_read() {
        let long = b"x".repeat(10 * LONGEST_LINE);
        let input = [b"before\n", long.as_slice(), b"\nafter\n", long.as_slice(), b"\nlast\n"].concat();
        for piece in [999, 50_000, input.len()] {
            assert_eq!(read_all(&input, piece), (vec!["before".into(), "after".into(), "last".into()], 2), "{piece}");
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_bytes_arrive(
            input in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..300),
            piece in 1usize..40,
        ) {
            prop_assert_eq!(read_all(&input, piece), read_all(&input, 1000));
        }
    }
}
