//! Any bytes as a datagram and as a stream: they're read or refused, and what reads and is written again reads alike.
#![no_main]

use busyhour::sip::{Framer, Message, Name, Writer, answer_unreadable};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match Message::read(bytes.to_vec()) {
        Ok(message) => ask(&message),
        Err(error) => {
            assert!(error.offset() <= bytes.len());
            let _ = answer_unreadable(bytes, &error, "tag");
        }
    }
    for mut framer in [Framer::accepted(), Framer::opened()] {
        for segment in bytes.chunks(7) {
            framer.push(segment);
            while framer.next().is_some() {}
        }
    }
});

fn ask(message: &Message) {
    let _ = message.check();
    let _ = (message.target_uri().is_ok(), message.vias().is_ok(), message.from().is_ok(), message.to().is_ok());
    for address in [message.contacts(), message.routes(), message.record_routes()].into_iter().flatten().flatten() {
        assert!(address.uri.same_as(&address.uri));
        let _ = (address.display_name(), address.tag(), address.q(), address.expires(), address.instance());
    }
    let mut writer = match message.status() {
        Some(status) => Writer::response(status, message.reason()),
        None => Writer::request(message.method(), message.target()),
    };
    for header in message.headers().filter(|header| header.name != Name::ContentLength) {
        writer = writer.header(header.raw_name, header.value);
    }
    let again = Message::read(writer.end()).expect("what was read can be written and read");
    assert_eq!((again.target(), again.status(), again.reason()), (message.target(), message.status(), message.reason()));
    assert_eq!(again.call_id().ok(), message.call_id().ok());
    assert_eq!(again.cseq().ok(), message.cseq().ok());
}
