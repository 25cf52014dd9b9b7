//! RFC 4475, section by section: its valid messages are read right, its invalid ones are refused with the response
//! that is due, and those that are an application's business are read and left to it.

use busyhour::sip::{Address, CSeq, Field, Message, Method, Name, Problem, ReadError, Uri};

use crate::{fixture, fixtures};

fn read(name: &str) -> Message {
    let message = Message::read(fixture("rfc4475", name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(!message.raw().is_empty());
    message
}

/// Reads a message that has nothing wrong in it.
fn sound(name: &str) -> Message {
    let message = read(name);
    message.check().unwrap_or_else(|error| panic!("{name}: {error}"));
    message
}

/// What's wrong with a message, be it seen in its lines or in its values.
fn refused(name: &str) -> ReadError {
    match Message::read(fixture("rfc4475", name)).and_then(|message| message.check()) {
        Ok(()) => panic!("{name} has nothing wrong in it"),
        Err(error) => error,
    }
}

fn assert_refused(name: &str, field: Field, problem: Problem, status: Option<u16>) -> ReadError {
    let error = refused(name);
    assert_eq!((error.field(), error.problem()), (field, problem), "{name}: {error}");
    assert_eq!(error.status().map(|(status, _)| status), status, "{name}: {error}");
    assert!(error.offset() <= fixture("rfc4475", name).len(), "{name}: {error}");
    error
}

/// The bytes that an error points at.
fn pointed_at(name: &str, error: &ReadError, length: usize) -> String {
    String::from_utf8_lossy(&fixture("rfc4475", name)[error.offset()..][..length]).into_owned()
}

#[test]
fn all_49_are_here() {
    assert_eq!(fixtures("rfc4475").len(), 49);
}

// 3.1.1: valid messages

#[test]
fn wsinv_folds_white_space_and_compact_names() {
    let message = sound("wsinv");
    assert_eq!(message.method(), Method::Invite);
    let target = message.target_uri().unwrap();
    assert_eq!((target.user, target.host), (Some("vivekg"), "chair-dnrc.example.com"));
    assert!(target.params.has("unknownparam"));
    assert_eq!(message.to().unwrap().tag(), Some("1918181833n"));
    let from = message.from().unwrap();
    assert_eq!(from.display_name(), r#"J Rosenberg \""#);
    assert_eq!((from.uri.raw, from.tag()), ("sip:jdrosen@example.com", Some("98asjd8")));
    assert_eq!(message.max_forwards().unwrap(), Some(68));
    assert_eq!(message.call_id().unwrap(), "wsinv.ndaksdj@192.0.2.1");
    assert_eq!(message.cseq().unwrap(), CSeq { number: 9, method: Method::Invite });
    let vias = message.vias().unwrap();
    let summary: Vec<_> = vias.iter().map(|via| (via.transport, via.host, via.branch().unwrap())).collect();
    assert_eq!(
        summary,
        [
            ("UDP", "192.0.2.2", "390skdjuw"),
            ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
            ("UDP", "192.168.255.111", "z9hG4bK30239"),
        ]
    );
    assert_eq!(message.first(Name::Subject), Some(""));
    let folded = message.headers().find(|header| header.raw_name == "NewFangledHeader").unwrap();
    assert_eq!(folded.unfolded(), "newfangled value continued newfangled value");
    assert_eq!(message.named("unknownheaderwithunusualvalue"), Some(";;,,;;,;"));
    let route = message.routes().unwrap()[0];
    assert_eq!(route.uri.params.get("lr"), Some(None));
    assert_eq!(route.uri.params.value("unknownwith"), Some("value"));
    assert_eq!(route.uri.params.get("unknown-no-value"), Some(None));
    let contact = message.contacts().unwrap()[0];
    assert_eq!(contact.display_name(), r#"Quoted string """#);
    assert_eq!((contact.params.value("newparam"), contact.q()), (Some("newvalue"), Some(330)));
    assert_eq!(contact.params.get("secondparam"), Some(None));
    assert_eq!(message.body().len(), 150);
}

#[test]
fn intmeth_every_character_that_may_stand_somewhere() {
    let message = sound("intmeth");
    assert_eq!(message.method(), Method::Other("!interesting-Method0123456789_*+`.%indeed'~"));
    let target = message.target_uri().unwrap();
    assert_eq!(target.user, Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
    assert_eq!(target.password, Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
    assert_eq!(target.host, "example.com");
    assert_eq!(message.to().unwrap().display_name(), "BEL:\u{7} NUL:\0 DEL:\u{7f}");
    let from = message.from().unwrap();
    assert_eq!(from.display, "token1~` token2'+_ token3*%!.-");
    assert_eq!(from.params.unquoted("fromParam''~+*_!.-%").unwrap(), "работающий");
    assert_eq!(from.tag(), Some("_token~1'+`*%!-."));
    assert_eq!(message.call_id().unwrap(), r#"intmeth.word%ZK-!.*_+'@word`~)(><:\/"][?}{"#);
    assert_eq!(message.max_forwards().unwrap(), Some(255));
    assert_eq!(message.via().unwrap().branch(), Some("z9hG4bK-.!%66*_+`'~"));
    assert_eq!(message.named("extensionHeader-!.%*+_`'~"), Some("\u{feff}大停電"));
}

#[test]
fn esc01_escapes_in_uris() {
    let message = sound("esc01");
    let target = message.target_uri().unwrap();
    assert_eq!(target.user_name().unwrap(), "sips:user@example.com");
    assert_eq!((target.password, target.host), (None, "example.net"));
    let to = message.to().unwrap();
    assert!(to.uri.same_as(&Uri::read("sip:user@example.com").unwrap()));
    assert_eq!(message.from().unwrap().uri.user_name().unwrap(), "I have spaces");
    let contact = message.contacts().unwrap()[0];
    assert_eq!(contact.uri.user_name().unwrap(), "caller");
    assert_eq!(contact.uri.params.value("n%61me"), Some("v%61lue%25%34%31"));
    assert_eq!(message.call_id().unwrap(), "esc01.239409asdfakjkn23onasd0-3234");
    assert_eq!(message.content_type(), Some("application/sdp"));
}

#[test]
fn escnull_one_nul_is_not_two() {
    let message = sound("escnull");
    let contacts = message.contacts().unwrap();
    assert_eq!(contacts[0].uri.user_name().unwrap(), "\0");
    assert_eq!(contacts[1].uri.user_name().unwrap(), "\0\0");
    assert!(!contacts[0].uri.same_as(&contacts[1].uri));
    assert_eq!(message.to().unwrap().uri.user, Some("null-%00-null"));
}

#[test]
fn esc02_a_percent_sign_outside_of_uris_is_one() {
    let message = sound("esc02");
    assert_eq!(message.method(), Method::Other("RE%47IST%45R"), "not REGISTER");
    assert_eq!(message.to().unwrap().display_name(), "%Z%45");
    assert_eq!(message.via().unwrap().branch(), Some("z9hG4bK209%fzsnel234"));
    assert_eq!(message.named("C%6Fntact"), Some("<sip:alias2@host2.example.com>"));
    let contacts: Vec<_> = message.contacts().unwrap().iter().map(|contact| contact.uri.host).collect();
    assert_eq!(contacts, ["host1.example.com", "host3.example.com"]);
}

#[test]
fn lwsdisp_a_name_right_before_its_bracket() {
    let message = sound("lwsdisp");
    let from = message.from().unwrap();
    assert_eq!((from.display, from.uri.raw, from.tag()), ("caller", "sip:caller@example.com", Some("323")));
}

#[test]
fn longreq_long_values_and_many_vias() {
    let message = sound("longreq");
    let vias = message.vias().unwrap();
    assert_eq!(vias.len(), 34);
    assert_eq!((vias[0].host, vias[33].host), ("sip33.example.com", "host.example.com"));
    assert_eq!(vias[33].received(), Some("192.0.2.5"));
    let to = message.to().unwrap();
    assert!(to.display_name().starts_with("I have a user name of extremeextreme"));
    assert_eq!((to.uri.port, to.uri.host), (Some(6000), "example.com"));
    assert!(message.from().unwrap().tag().unwrap().starts_with("12982982982"));
    assert_eq!(message.body().len(), 150);
}

#[test]
fn dblreq_what_is_behind_the_body_is_ignored() {
    let message = sound("dblreq");
    assert_eq!((message.method(), message.body()), (Method::Register, &b""[..]));
    assert!(message.raw().ends_with(b"Content-Length: 0\r\n\r\n"));
    assert!(message.raw().len() < fixture("rfc4475", "dblreq").len());
}

#[test]
fn semiuri_a_semicolon_in_the_user_belongs_to_the_user() {
    let message = sound("semiuri");
    let target = message.target_uri().unwrap();
    assert_eq!((target.user, target.host), (Some("user;par=u%40example.net"), "example.com"));
    assert!(target.params.is_empty());
    let accepted: Vec<_> = message.listed(Name::Accept).collect();
    assert_eq!(accepted.len(), 6);
    assert_eq!(accepted[2], "multipart/mixed");
}

#[test]
fn transports_known_and_unknown() {
    let message = sound("transports");
    let transports: Vec<_> = message.vias().unwrap().iter().map(|via| via.transport).collect();
    assert_eq!(transports, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
}

#[test]
fn mpart01_a_body_with_binary_in_it() {
    let message = sound("mpart01");
    assert_eq!(message.method(), Method::Message);
    assert_eq!(message.content_type(), Some("multipart/mixed;boundary=7a9cbec02ceef655"));
    assert_eq!(message.body().len(), 553);
    assert!(std::str::from_utf8(message.body()).is_err());
    assert!(message.body().ends_with(b"--7a9cbec02ceef655--\r\n"));
    assert_eq!(message.via().unwrap().rport(), Some(None));
}

#[test]
fn unreason_a_reason_phrase_of_its_own() {
    let message = sound("unreason");
    assert_eq!(message.status(), Some(200));
    assert_eq!(message.reason(), "= 2**3 * 5**2 но сто девяносто девять - простое");
    assert_eq!(message.method(), Method::Invite);
}

#[test]
fn noreason_an_empty_reason_phrase() {
    let message = sound("noreason");
    assert_eq!((message.status(), message.reason()), (Some(100), ""));
}

// 3.1.2: invalid messages

#[test]
fn badinv01_separators_with_nothing_between_them() {
    let error = assert_refused("badinv01", Field::Header(Name::Via), Problem::Unexpected, Some(400));
    assert_eq!(pointed_at("badinv01", &error, 6), ";,;,,\r");
    let contact = read("badinv01").contacts().unwrap_err();
    assert_eq!(contact.field(), Field::Header(Name::Contact));
}

#[test]
fn clerr_a_body_shorter_than_announced() {
    let error = assert_refused("clerr", Field::Header(Name::ContentLength), Problem::BodyTooShort, Some(400));
    assert_eq!(pointed_at("clerr", &error, 4), "9999");
}

#[test]
fn ncl_a_negative_length() {
    let error = assert_refused("ncl", Field::Header(Name::ContentLength), Problem::NotANumber, Some(400));
    assert_eq!(pointed_at("ncl", &error, 4), "-999");
}

#[test]
fn scalar02_numbers_too_large_in_a_request() {
    let error = assert_refused("scalar02", Field::Header(Name::CSeq), Problem::NumberTooLarge, Some(400));
    assert_eq!(pointed_at("scalar02", &error, 5), "36893");
    let message = read("scalar02");
    assert_eq!(message.max_forwards().unwrap_err().problem(), Problem::NumberTooLarge);
    // Seconds beyond all measure are the most that there are.
    assert_eq!(message.expires().unwrap(), Some(u32::MAX));
    assert_eq!(message.contacts().unwrap()[0].expires(), Some(u32::MAX));
}

#[test]
fn scalarlg_numbers_too_large_in_a_response_which_gets_no_response() {
    assert_refused("scalarlg", Field::Header(Name::CSeq), Problem::NumberTooLarge, None);
}

#[test]
fn quotbal_a_quote_that_does_not_end() {
    let error = assert_refused("quotbal", Field::Header(Name::To), Problem::UnclosedQuote, Some(400));
    assert_eq!(pointed_at("quotbal", &error, 4), "\"Mr.");
}

#[test]
fn ltgtruri_brackets_around_the_target() {
    assert_refused("ltgtruri", Field::Target, Problem::NoScheme, Some(400));
}

#[test]
fn lwsruri_white_space_in_the_target() {
    let error = assert_refused("lwsruri", Field::Target, Problem::StraySpace, Some(400));
    assert_eq!(pointed_at("lwsruri", &error, 3), " lr");
}

#[test]
fn lwsstart_two_spaces_around_the_target() {
    let error = assert_refused("lwsstart", Field::StartLine, Problem::StraySpace, Some(400));
    assert_eq!(pointed_at("lwsstart", &error, 4), " sip");
}

#[test]
fn trws_spaces_at_the_end_of_the_request_line() {
    let error = assert_refused("trws", Field::StartLine, Problem::StraySpace, Some(400));
    assert_eq!(pointed_at("trws", &error, 4), "  \r\n");
}

#[test]
fn escruri_headers_in_the_target() {
    let error = assert_refused("escruri", Field::Target, Problem::UriHeaders, Some(400));
    assert_eq!(pointed_at("escruri", &error, 6), "?Route");
}

#[test]
fn baddate_a_date_that_is_not_in_gmt() {
    assert_refused("baddate", Field::Header(Name::Date), Problem::NotADate, Some(400));
}

#[test]
fn regbadct_a_question_mark_without_brackets() {
    let error = assert_refused("regbadct", Field::Header(Name::Contact), Problem::NeedsBrackets, Some(400));
    assert_eq!(pointed_at("regbadct", &error, 6), "?Route");
}

#[test]
fn badaspec_spaces_inside_of_brackets() {
    let error = assert_refused("badaspec", Field::Header(Name::To), Problem::NoScheme, Some(400));
    assert_eq!(pointed_at("badaspec", &error, 4), " sip");
    // The quoted comma in From is none of a list.
    assert_eq!(read("badaspec").from().unwrap().display_name(), "Bell, Alexander");
}

#[test]
fn baddn_a_comma_in_a_name_without_quotes() {
    // The archive's message lacks the empty line too.
    assert_refused("baddn", Field::Headers, Problem::CutShort, Some(400));
    let message = Message::read([&fixture("rfc4475", "baddn")[..], b"\r\n"].concat()).unwrap();
    let error = message.check().unwrap_err();
    assert_eq!((error.field(), error.problem()), (Field::Header(Name::From), Problem::NoScheme));
    assert_eq!(error.status(), Some((400, "Bad Request")));
}

#[test]
fn badvers_another_version() {
    let error = assert_refused("badvers", Field::Version, Problem::UnknownVersion, Some(505));
    assert_eq!(error.status(), Some((505, "Version Not Supported")));
    assert_eq!(pointed_at("badvers", &error, 7), "SIP/7.0");
}

#[test]
fn mismatch01_cseq_names_another_method() {
    assert_refused("mismatch01", Field::Header(Name::CSeq), Problem::OtherMethod, Some(400));
}

#[test]
fn mismatch02_an_unknown_method_and_another_in_cseq() {
    assert_refused("mismatch02", Field::Header(Name::CSeq), Problem::OtherMethod, Some(400));
}

#[test]
fn bigcode_a_status_beyond_all_numbers_gets_no_response() {
    assert_refused("bigcode", Field::Status, Problem::UnknownStatus, None);
}

// 3.2: transactions

#[test]
fn badbranch_the_cookie_alone() {
    assert_eq!(sound("badbranch").via().unwrap().branch(), Some("z9hG4bK"));
}

// 3.3: what an application judges

#[test]
fn insuf_headers_that_must_be_there_are_not() {
    assert_refused("insuf", Field::Header(Name::From), Problem::Missing, Some(400));
    let message = read("insuf");
    assert_eq!(message.to().unwrap_err().problem(), Problem::Missing);
    assert_eq!(message.call_id().unwrap_err().problem(), Problem::Missing);
    assert_eq!(message.max_forwards(), Ok(None));
}

#[test]
fn unkscm_an_unknown_scheme_is_read_for_the_416() {
    let message = sound("unkscm");
    assert_eq!(message.target_uri().unwrap().scheme, "nobodyKnowsThisScheme");
    assert!(!message.target_uri().unwrap().is_sip());
}

#[test]
fn novelsc_a_scheme_that_is_not_for_sip() {
    assert_eq!(sound("novelsc").target_uri().unwrap().scheme, "soap.beep");
}

#[test]
fn unksm2_unknown_schemes_in_headers() {
    let message = sound("unksm2");
    assert_eq!(message.to().unwrap().uri.raw, "isbn:2983792873");
    let from = message.from().unwrap();
    assert_eq!((from.uri.raw, from.tag()), ("http://www.example.com", Some("3234233")));
    assert_eq!(message.contacts().unwrap()[0].uri.scheme, "name");
}

#[test]
fn bext01_extensions_that_nobody_knows() {
    let message = sound("bext01");
    assert!(message.has_option(Name::Require, "nothingSupportsThisEither"));
    assert!(message.has_option(Name::ProxyRequire, "norDoAnyProxiesSupportThis"));
    assert!(!message.has_option(Name::Require, "nothing"));
}

#[test]
fn invut_an_unknown_content_type() {
    let message = sound("invut");
    assert_eq!((message.content_type(), message.body().len()), (Some("application/unknownformat"), 40));
}

#[test]
fn regaut01_an_unknown_authorization_scheme() {
    assert_eq!(sound("regaut01").first(Name::Authorization), Some("NoOneKnowsThisScheme opaque-data=here"));
}

#[test]
fn multi01_several_of_what_may_be_there_once() {
    let error = assert_refused("multi01", Field::Header(Name::CSeq), Problem::Repeated, Some(400));
    assert_eq!(pointed_at("multi01", &error, 8), "CSeq: 59");
}

#[test]
fn mcl01_two_lengths_that_differ() {
    let error = assert_refused("mcl01", Field::Header(Name::ContentLength), Problem::Repeated, Some(400));
    assert_eq!(pointed_at("mcl01", &error, 17), "Content-Length: 5");
}

#[test]
fn bcast_a_broadcast_address_in_a_via() {
    assert_eq!(sound("bcast").vias().unwrap()[1].host, "255.255.255.255");
}

#[test]
fn zeromf_no_hops_left() {
    assert_eq!(sound("zeromf").max_forwards(), Ok(Some(0)));
}

#[test]
fn cparam01_a_parameter_of_the_header() {
    let message = sound("cparam01");
    let contact = message.contacts().unwrap()[0];
    assert_eq!(contact.uri.raw, "sip:+19725552222@gw1.example.net");
    assert!(contact.params.has("unknownparam") && contact.uri.params.is_empty());
}

#[test]
fn cparam02_a_parameter_of_the_uri() {
    let message = sound("cparam02");
    let contact = message.contacts().unwrap()[0];
    assert!(contact.params.is_empty() && contact.uri.params.has("unknownparam"));
}

#[test]
fn regescrt_a_header_in_a_contact() {
    let message = sound("regescrt");
    assert_eq!(message.contacts().unwrap()[0].uri.headers, "Route=%3Csip:sip.example.com%3E");
}

#[test]
fn sdp01_an_answer_that_nobody_can_give() {
    assert_eq!(sound("sdp01").listed(Name::Accept).collect::<Vec<_>>(), ["text/nobodyKnowsThis"]);
}

// 3.4: RFC 2543

#[test]
fn inv2543_as_it_was_before_branches_and_tags() {
    let message = sound("inv2543");
    assert_eq!(message.via().unwrap().branch(), None);
    let from = message.from().unwrap();
    assert_eq!((from.tag(), from.uri.params.value("user")), (None, Some("phone")));
    assert_eq!(message.to().unwrap().params.value("user"), Some("phone"), "without brackets it's the header's");
    assert_eq!(message.record_routes().unwrap()[0].uri.params.value("maddr"), Some("ss1.example.com"));
    assert!(message.body().starts_with(b"v=0\r\n"), "without Content-Length the body is all the rest");
    assert!(message.body().ends_with(b"m=audio 49217 RTP/AVP 0\r\n"));
}

#[test]
fn a_from_in_quotes_is_found_behind_them() {
    // Not of the RFC: the boundary beside quotbal.
    assert!(Address::read(r#""Mr. J. User" <sip:j.user@example.com>"#).is_ok());
    assert!(Address::read(r#""Mr. J. User\" <sip:j.user@example.com>"#).is_err());
}
