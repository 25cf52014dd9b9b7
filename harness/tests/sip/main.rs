//! The SIP codec against what RFCs 3261, 4475 and 5118 say, a file a subject.

mod framing;
mod ipv6;
mod mutations;
mod reading;
mod torture;
mod uris;
mod writing;

use std::path::PathBuf;

use busyhour::sip::Message;
use bytes::Bytes;

/// The bytes of a message in `fixtures/`.
fn fixture(folder: &str, name: &str) -> Bytes {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(folder).join(format!("{name}.dat"));
    match std::fs::read(&path) {
        Ok(bytes) => bytes.into(),
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

/// The names of the messages in a folder of `fixtures/`, sorted.
fn fixtures(folder: &str) -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(folder);
    let entries = std::fs::read_dir(path).expect("the fixtures are there");
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".dat").map(str::to_owned)).collect();
    names.sort();
    names
}

/// A request with these header lines between a sound start and a sound end.
fn request(lines: &str) -> Message {
    let text = format!(
        "INVITE sip:bob@example.com SIP/2.0\r\n{}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        lines.trim_end().replace("\r\n", "\n").replace('\n', "\r\n")
    );
    Message::read(text.clone()).unwrap_or_else(|error| panic!("{error} in {text}"))
}
