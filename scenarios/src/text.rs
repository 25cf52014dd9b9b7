//! Files that people write, read as text.

use std::fs;
use std::io;
use std::path::Path;

/// Why a file is no text.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TextError {
    /// It can't be read at all.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It holds other bytes than those of UTF-8.
    #[error("line {line} holds the byte {byte:#04x}, which is no UTF-8: save the file as UTF-8")]
    NotUtf8 {
        /// The line, counted from 1.
        line: usize,
        /// The byte.
        byte: u8,
    },
}

impl From<TextError> for io::Error {
    fn from(error: TextError) -> io::Error {
        match error {
            TextError::Io(error) => error,
            no_text => io::Error::other(no_text.to_string()),
        }
    }
}

/// Reads a file, without the mark that some editors put before UTF-8.
pub(crate) fn read(file: &Path) -> Result<String, TextError> {
    let text = String::from_utf8(fs::read(file)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let (before, rest) = error.as_bytes().split_at(at);
        TextError::NotUtf8 { line: 1 + before.iter().filter(|byte| **byte == b'\n').count(), byte: rest[0] }
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
