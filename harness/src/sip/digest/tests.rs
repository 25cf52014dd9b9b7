//! The RFCs' examples, and what must be refused.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::sip::{Message, Method, Name, Writer, reason};
use crate::trace::SimTime;
use crate::world::Random;

const LIFETIME: Duration = Duration::from_secs(300);
const BIT: Duration = Duration::from_nanos(1);

// --- examples ----------------------------------------------------------------------------------------------------

fn answer(header: &str) -> Answer {
    Answer::read(header).unwrap()
}

/// RFC 2617 section 3.5.
#[test]
fn rfc_2617s_example_has_its_response() {
    let header = r#"Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
        uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b",
        response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
    let answer = answer(header);
    assert_eq!(answer.due_response("Circle Of Life", "GET"), "6629fae49393a05397450978507c4ef1");
    assert_eq!(answer.response, "6629fae49393a05397450978507c4ef1");
}

/// RFC 7616 section 3.9.1, both algorithms.
#[test]
fn rfc_7616s_examples_have_their_responses() {
    for (algorithm, response) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ] {
        let header = format!(
            r#"Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm={algorithm},
            nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001,
            cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="{response}",
            opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#
        );
        assert_eq!(answer(&header).due_response("Circle of Life", "GET"), response);
    }
}

/// RFC 2069's way, for servers that offer no qop; computed by hand from its formula, H(H(A1):nonce:H(A2)).
#[test]
fn without_qop_the_count_isnt_hashed() {
    let header = r#"Digest username="u", realm="r", nonce="n", uri="sip:x", response="", algorithm=MD5"#;
    let (a1, a2) = (Algorithm::Md5.hash(&["u", "r", "p"]), Algorithm::Md5.hash(&["REGISTER", "sip:x"]));
    assert_eq!(answer(header).due_response("p", "REGISTER"), Algorithm::Md5.hash(&[&a1, "n", &a2]));
    // H("") of RFC 1321 and of FIPS 180-4 begin so.
    assert!(Algorithm::Md5.hash(&[""]).starts_with("d41d8cd98f00b204"));
    assert!(Algorithm::Sha256.hash(&[""]).starts_with("e3b0c44298fc1c14"));
}

/// RFC 7616 section 3.4.2: the session's secret is made of the first one, the nonce and the client's nonce.
#[test]
fn a_session_variant_hashes_the_nonces_into_the_secret() {
    for (sess, plain) in [(Algorithm::Md5Sess, Algorithm::Md5), (Algorithm::Sha256Sess, Algorithm::Sha256)] {
        let header = format!(
            r#"Digest username="u", realm="r", nonce="n", uri="sip:x", response="", algorithm={}, cnonce="c", qop=auth,
            nc=0000000a"#,
            sess.as_str()
        );
        let secret = plain.hash(&[&plain.hash(&["u", "r", "p"]), "n", "c"]);
        let due = plain.hash(&[&secret, "n", "0000000a", "c", "auth", &plain.hash(&["BYE", "sip:x"])]);
        assert_eq!(answer(&header).due_response("p", "BYE"), due);
    }
}

// --- reading and writing -----------------------------------------------------------------------------------------

#[test]
fn quoted_strings_commas_and_folded_lines_are_read() {
    let challenge = Challenge::read(
        "digest  REALM = \"a \\\"b\\\", \\\\c\"\t,\r\n nonce=\"x=y,z\",,opaque=\"\",  Algorithm=sha-256-SESS , \
         qop=\"auth-int , AUTH\",stale=TRUE,domain=\"sip:a sip:b\"",
    )
    .unwrap();
    assert_eq!(
        challenge,
        Challenge {
            realm: "a \"b\", \\c".into(),
            nonce: "x=y,z".into(),
            opaque: Some(String::new()),
            algorithm: Algorithm::Sha256Sess,
            qop_auth: true,
            stale: true,
        }
    );
    assert_eq!(
        challenge.write(),
        r#"Digest realm="a \"b\", \\c", nonce="x=y,z", opaque="", algorithm=SHA-256-sess, qop="auth", stale=true"#
    );
}

#[test]
fn what_cant_be_answered_is_refused_with_its_reason() {
    let read = |header: &str| Challenge::read(header).unwrap_err();
    assert_eq!(read("Basic realm=\"x\""), DigestError::OtherScheme("Basic".into()));
    assert_eq!(read(""), DigestError::OtherScheme(String::new()));
    assert_eq!(read("Digest nonce=\"n\""), DigestError::Without("realm"));
    assert_eq!(read("Digest realm=\"r\""), DigestError::Without("nonce"));
    assert_eq!(read("Digest realm=a, nonce=n, algorithm=SHA-3"), DigestError::Algorithm("SHA-3".into()));
    assert_eq!(read("Digest realm=a, nonce=n, qop=\"auth-int\""), DigestError::Qop("auth-int".into()));
    assert_eq!(read("Digest realm=a, nonce=n, Realm=b"), DigestError::Twice("Realm".into()));
    let syntax = |header: &str| match read(header) {
        DigestError::Syntax { offset, .. } => offset,
        other => panic!("a syntax error, not {other}"),
    };
    assert_eq!(syntax("Digest realm"), 12);
    assert_eq!(syntax("Digest realm="), 13);
    assert_eq!(syntax("Digest realm=\"a"), 13);
    assert_eq!(syntax("Digest realm=\"a\\"), 13);
    assert_eq!(syntax("Digest realm=a nonce=b"), 15);
    assert_eq!(syntax("Digest =a"), 7);
}

#[test]
fn a_nonce_count_is_eight_hexadecimal_digits() {
    let with = |count: &str| {
        let header = r#"Digest username="u", realm="r", nonce="n", uri="sip:x", response="0", cnonce="c", qop=auth"#;
        Answer::read(&format!("{header}, nc={count}")).map(|answer| answer.count)
    };
    assert_eq!(with("0000000a"), Ok(Some(10)));
    assert_eq!(with("FFFFFFFF"), Ok(Some(u32::MAX)));
    for wrong in ["1", "0000001", "000000001", "0000000g", "+0000001"] {
        assert_eq!(with(wrong), Err(DigestError::Count(wrong.to_owned())));
    }
    let without = |header: &str| Answer::read(header).unwrap_err();
    let base = r#"Digest username="u", realm="r", nonce="n", uri="sip:x", response="0""#;
    assert_eq!(without(&format!("{base}, qop=auth, cnonce=c")), DigestError::Without("nc"));
    assert_eq!(without(&format!("{base}, qop=auth, nc=00000001")), DigestError::Without("cnonce"));
    assert_eq!(without(&format!("{base}, algorithm=MD5-sess")), DigestError::Without("cnonce"));
    assert_eq!(without(&format!("{base}, qop=auth-int, nc=00000001, cnonce=c")), DigestError::Qop("auth-int".into()));
}

/// Some servers read no order but their own.
#[test]
fn an_answers_parameters_stand_always_in_the_same_order() {
    let header = r#"Digest username="al \"a\" \\", realm="r", nonce="n", uri="sip:x;a=\"b\"", response="0", algorithm=MD5, cnonce="c", opaque="o", qop=auth, nc=000000ff"#;
    assert_eq!(answer(header).write(), header);
    let least = r#"Digest username="u", realm="r", nonce="n", uri="sip:x", response="0", algorithm=SHA-256"#;
    assert_eq!(answer(least).write(), least);
}

#[test]
fn a_password_isnt_shown() {
    let credentials = Credentials { user: "alice".into(), password: "secret".into() };
    let client = Client::new(credentials);
    assert!(!format!("{client:?}").contains("secret"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_is_read_the_same(
        realm in "\\PC*", nonce in "\\PC*", opaque in prop::option::of("\\PC*"),
        number in 0usize..4, qop_auth: bool, stale: bool,
    ) {
        let challenge = Challenge { realm, nonce, opaque, algorithm: Algorithm::ALL[number], qop_auth, stale };
        prop_assert_eq!(Challenge::read(&challenge.write()).unwrap(), challenge);
    }

    #[test]
    fn nothing_that_comes_makes_it_panic(header in "(Digest )?[a-z=\", \\\\\\PC]*") {
        let _ = Challenge::read(&header);
        let _ = Answer::read(&header);
    }
}

// --- both ends ---------------------------------------------------------------------------------------------------

struct Ends {
    server: Server,
    client: Client,
    cseq: u32,
}

fn ends(algorithms: &[Algorithm]) -> Ends {
    with_password(algorithms, "secret")
}

fn with_password(algorithms: &[Algorithm], password: &str) -> Ends {
    Ends {
        server: Server::new("pbx.test", algorithms.to_vec(), LIFETIME, Random::stream(1, "digest")),
        client: Client::new(Credentials { user: "alice".into(), password: password.into() }),
        cseq: 0,
    }
}

fn passwords(user: &str) -> Option<String> {
    (user == "alice").then(|| "secret".to_owned())
}

fn register(cseq: u32, credentials: Option<String>) -> Message {
    let mut writer = Writer::request(Method::Register, "sip:pbx.test")
        .header(Name::Via, "SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1")
        .header(Name::From, "<sip:alice@pbx.test>;tag=1")
        .header(Name::To, "<sip:alice@pbx.test>")
        .header(Name::CallId, "r1")
        .header(Name::CSeq, format_args!("{cseq} REGISTER"));
    if let Some(value) = credentials {
        writer = writer.header(Name::Authorization, value);
    }
    Message::read(writer.end()).unwrap()
}

fn refuse(request: &Message, status: u16, challenges: &[String]) -> Message {
    let name = if status == 407 { Name::ProxyAuthenticate } else { Name::WwwAuthenticate };
    let writer = Writer::answer(request, status, reason(status), Some("2"));
    let writer = challenges.iter().fold(writer, |writer, value| writer.header(name, value));
    Message::read(writer.end()).unwrap()
}

impl Ends {
    /// The next request, with what the client has in store.
    fn next(&mut self) -> Message {
        self.cseq += 1;
        register(self.cseq, self.client.authorize("REGISTER", "sip:pbx.test", b""))
    }

    fn check(&mut self, now: SimTime, request: &Message) -> Verdict {
        self.server.check(now, request, passwords)
    }

    /// The server challenges a request: what the client makes of it.
    fn again(&mut self, now: SimTime, request: &Message, stale: bool) -> Result<Message, Hopeless> {
        let challenges = self.server.challenge(now, stale);
        self.answer(request, 401, &challenges)
    }

    fn answer(&mut self, request: &Message, status: u16, challenges: &[String]) -> Result<Message, Hopeless> {
        let response = refuse(request, status, challenges);
        let (_, value) = self.client.challenged(&response, "REGISTER", "sip:pbx.test", "c1".to_owned())?;
        self.cseq += 1;
        Ok(register(self.cseq, Some(value)))
    }

    /// Logged in.
    fn begin(&mut self, now: SimTime) -> Message {
        let plain = self.next();
        assert_eq!(self.check(now, &plain), Verdict::Missing);
        let request = self.again(now, &plain, false).unwrap();
        assert_eq!(self.check(now, &request), authentic());
        request
    }
}

fn authentic() -> Verdict {
    Verdict::Authentic { user: "alice".into() }
}

fn credentials_of(request: &Message) -> Answer {
    answer(request.first(Name::Authorization).unwrap())
}

#[test]
fn all_algorithms_bring_one_in_and_the_next_requests_count_on() {
    for algorithm in Algorithm::ALL {
        let mut ends = ends(&[algorithm]);
        let first = credentials_of(&ends.begin(SimTime::ZERO));
        assert_eq!((first.count, first.algorithm), (Some(1), algorithm));
        for count in 2..=20 {
            let request = ends.next();
            let next = credentials_of(&request);
            assert_eq!((next.count, &next.nonce, &next.cnonce), (Some(count), &first.nonce, &first.cnonce));
            assert_eq!(ends.check(SimTime::ZERO, &request), authentic());
        }
        let sixteen = ends.client.authorize("REGISTER", "sip:pbx.test", b"").unwrap();
        assert!(sixteen.ends_with("nc=00000015"), "{sixteen}");
    }
}

#[test]
fn a_use_of_a_nonce_counts_once_in_whatever_order_they_come() {
    let mut ends = ends(&[Algorithm::Md5]);
    let first = ends.begin(SimTime::ZERO);
    let replayed = Verdict::Replayed { user: "alice".into() };
    assert_eq!(ends.check(SimTime::ZERO, &first), replayed);
    let later: Vec<Message> = (0..70).map(|_| ends.next()).collect();
    for index in [3, 1, 0, 2] {
        assert_eq!(ends.check(SimTime::ZERO, &later[index]), authentic());
        assert_eq!(ends.check(SimTime::ZERO, &later[index]), replayed);
    }
    assert_eq!(ends.check(SimTime::ZERO, &later[69]), authentic());
    // 64 uses are remembered: later[6] is the 8th, and the 71st is the highest.
    assert_eq!(ends.check(SimTime::ZERO, &later[6]), authentic());
    assert_eq!(ends.check(SimTime::ZERO, &later[6]), replayed);
    assert_eq!(ends.check(SimTime::ZERO, &later[5]), replayed);
}

#[test]
fn a_wrong_password_is_wrong_and_the_client_gives_up_after_one_attempt() {
    let mut ends = with_password(&[Algorithm::Sha256], "guessed");
    let plain = ends.next();
    let request = ends.again(SimTime::ZERO, &plain, false).unwrap();
    assert_eq!(ends.check(SimTime::ZERO, &request), Verdict::Wrong { user: "alice".into() });
    // With a new nonce, as our server does; the other server gives the same again.
    let hopeless = Hopeless::WrongPassword { user: "alice".into(), realm: "pbx.test".into() };
    assert_eq!(ends.again(SimTime::ZERO, &request, false).unwrap_err(), hopeless);
    assert_eq!(ends.client.authorize("REGISTER", "sip:pbx.test", b""), None, "nothing is left of it");

    let mut ends = with_password(&[Algorithm::Sha256], "guessed");
    let plain = ends.next();
    let challenges = ends.server.challenge(SimTime::ZERO, false);
    ends.answer(&plain, 401, &challenges).unwrap();
    // Another request of the same Call-ID went between.
    let much_later = register(9, None);
    assert_eq!(ends.answer(&much_later, 401, &challenges).unwrap_err(), hopeless);
}

#[test]
fn nobody_is_told_if_the_user_or_the_password_is_wrong() {
    let mut ends = ends(&[Algorithm::Md5]);
    ends.client = Client::new(Credentials { user: "mallory".into(), password: "secret".into() });
    let plain = ends.next();
    let request = ends.again(SimTime::ZERO, &plain, false).unwrap();
    assert_eq!(ends.check(SimTime::ZERO, &request), Verdict::Wrong { user: "mallory".into() });
}

#[test]
fn a_nonce_is_stale_at_the_end_of_its_life_and_the_client_goes_on_with_the_next() {
    let mut ends = ends(&[Algorithm::Md5]);
    ends.begin(SimTime::ZERO);
    let request = ends.next();
    assert_eq!(ends.check(SimTime(LIFETIME.as_nanos() as u64), &request), Verdict::Stale);
    assert_eq!(ends.check(SimTime::ZERO + (LIFETIME - BIT), &request), authentic());
    let now = SimTime::ZERO + LIFETIME;
    let request = ends.again(now, &request, true).unwrap();
    assert_eq!(credentials_of(&request).count, Some(1), "a new nonce is counted from one");
    assert_eq!(ends.check(now, &request), authentic());
    // And so for ever, each refresh with a nonce that has grown too old meanwhile.
    let mut now = now;
    for _ in 0..10 {
        now += LIFETIME;
        let request = ends.next();
        assert_eq!(ends.check(now, &request), Verdict::Stale);
        let request = ends.again(now, &request, true).unwrap();
        assert_eq!(ends.check(now, &request), authentic());
    }
}

/// A wrong password isn't stale, however old the nonce: who says so lets passwords be guessed with old nonces.
#[test]
fn an_old_nonce_with_a_wrong_password_is_wrong() {
    let mut ends = with_password(&[Algorithm::Md5], "guessed");
    let plain = ends.next();
    let request = ends.again(SimTime::ZERO, &plain, false).unwrap();
    assert_eq!(ends.check(SimTime::ZERO + LIFETIME, &request), Verdict::Wrong { user: "alice".into() });
}

#[test]
fn a_server_that_was_restarted_calls_its_former_nonces_stale() {
    let mut ends = ends(&[Algorithm::Md5]);
    ends.begin(SimTime::ZERO);
    ends.server = Server::new("pbx.test", vec![Algorithm::Md5], LIFETIME, Random::stream(2, "digest"));
    let request = ends.next();
    assert_eq!(ends.check(SimTime::ZERO, &request), Verdict::Stale);
    let request = ends.again(SimTime::ZERO, &request, true).unwrap();
    assert_eq!(ends.check(SimTime::ZERO, &request), authentic());
}

/// pjproject#25: without a limit client and server would go on for ever.
#[test]
fn a_server_to_whom_all_is_stale_is_given_up() {
    let mut ends = ends(&[Algorithm::Md5]);
    let mut request = ends.next();
    for _ in 0..4 {
        request = ends.again(SimTime::ZERO, &request, true).unwrap();
    }
    assert_eq!(ends.again(SimTime::ZERO, &request, true).unwrap_err(), Hopeless::EverStale);
}

/// A server that doesn't say stale, though the nonce was too old: the refresh is tried once more, its repetition not.
#[test]
fn an_old_nonce_that_isnt_called_stale_is_worth_one_more_attempt() {
    let mut ends = ends(&[Algorithm::Md5]);
    ends.begin(SimTime::ZERO);
    let request = ends.next();
    let request = ends.again(SimTime::ZERO, &request, false).unwrap();
    assert_eq!(ends.check(SimTime::ZERO, &request), authentic());
    assert!(matches!(ends.again(SimTime::ZERO, &request, false), Err(Hopeless::WrongPassword { .. })));
}

/// Two requests are on their way when the nonce changes: the answer to the first is no sign against the second.
#[test]
fn a_nonce_that_changes_in_mid_flight_hurts_nobody() {
    let mut ends = ends(&[Algorithm::Md5]);
    ends.begin(SimTime::ZERO);
    let (one, other) = (ends.next(), ends.next());
    let now = SimTime::ZERO + LIFETIME;
    for request in [&one, &other] {
        assert_eq!(ends.check(now, request), Verdict::Stale);
    }
    let one = ends.again(now, &one, true).unwrap();
    let other = ends.again(now, &other, true).unwrap();
    assert_ne!(credentials_of(&one).nonce, credentials_of(&other).nonce);
    assert_eq!(ends.check(now, &other), authentic());
    assert_eq!(ends.check(now, &one), authentic());
    let next = ends.next();
    assert_eq!(credentials_of(&next).nonce, credentials_of(&other).nonce);
    assert_eq!(ends.check(now, &next), authentic());
}

/// The same nonce again, for another request: it's counted on.
#[test]
fn two_requests_challenged_with_one_nonce_count_it_together() {
    let mut ends = ends(&[Algorithm::Md5]);
    let challenges = ends.server.challenge(SimTime::ZERO, false);
    let answer_for = |ends: &mut Ends, call: &str| {
        let request = Message::read(String::from_utf8(register(1, None).raw().to_vec()).unwrap().replace("r1", call));
        let response = refuse(&request.unwrap(), 401, &challenges);
        ends.client.challenged(&response, "REGISTER", "sip:pbx.test", "c".into()).unwrap().1
    };
    let (one, other) = (answer_for(&mut ends, "one"), answer_for(&mut ends, "other"));
    assert_eq!((answer(&one).count, answer(&other).count), (Some(1), Some(2)));
    for value in [one, other] {
        assert_eq!(ends.check(SimTime::ZERO, &register(2, Some(value))), authentic());
    }
}

/// RFC 8760.
#[test]
fn of_several_challenges_the_strongest_known_is_answered() {
    let challenge = |algorithm: &str| {
        format!("Digest realm=\"pbx.test\", nonce=\"{algorithm}\", algorithm={algorithm}, qop=\"auth\"")
    };
    for (offered, chosen) in [
        (&["MD5", "SHA-256"][..], "SHA-256"),
        (&["SHA-256", "MD5"], "SHA-256"),
        (&["SHA-512-256", "MD5", "MD5-sess"], "MD5"),
        (&["MD5-sess", "MD5"], "MD5-sess"),
        (&["MD5", "SHA-256-sess", "SHA-256"], "SHA-256-sess"),
    ] {
        let mut ends = ends(&[Algorithm::Md5]);
        let plain = ends.next();
        let mut challenges: Vec<String> = offered.iter().map(|one| challenge(one)).collect();
        challenges.insert(0, "Basic realm=\"pbx.test\"".to_owned());
        let request = ends.answer(&plain, 401, &challenges).unwrap();
        assert_eq!(credentials_of(&request).algorithm.as_str(), chosen, "{offered:?}");
    }
}

#[test]
fn a_server_of_several_algorithms_takes_each_and_no_other() {
    let mut ends = ends(&[Algorithm::Sha256, Algorithm::Md5]);
    let plain = ends.next();
    let challenges = ends.server.challenge(SimTime::ZERO, false);
    assert_eq!(challenges.len(), 2);
    for one in &challenges {
        let mut client = Client::new(Credentials { user: "alice".into(), password: "secret".into() });
        let response = refuse(&plain, 401, std::slice::from_ref(one));
        let (_, value) = client.challenged(&response, "REGISTER", "sip:pbx.test", "c".into()).unwrap();
        // The same nonce, counted once for both: so the second is refused.
        let verdict = ends.check(SimTime::ZERO, &register(2, Some(value)));
        let first = one == &challenges[0];
        assert_eq!(verdict, if first { authentic() } else { Verdict::Replayed { user: "alice".into() } });
    }
    let sess = challenges[0].replace("SHA-256", "SHA-256-sess");
    let request = ends.answer(&plain, 401, &[sess]).unwrap();
    assert!(matches!(ends.check(SimTime::ZERO, &request), Verdict::Malformed(why) if why.contains("SHA-256-sess")));
}

#[test]
fn a_proxys_challenge_is_answered_in_a_header_of_its_own() {
    let mut ends = ends(&[Algorithm::Md5]);
    assert_eq!(ends.client.header(), None);
    let plain = ends.next();
    let response = refuse(&plain, 407, &ends.server.challenge(SimTime::ZERO, false));
    let (name, value) = ends.client.challenged(&response, "REGISTER", "sip:pbx.test", "c".into()).unwrap();
    assert_eq!((name, ends.client.header()), (Name::ProxyAuthorization, Some(Name::ProxyAuthorization)));
    let raw = String::from_utf8(register(2, Some(value)).raw().to_vec()).unwrap();
    let request = Message::read(raw.replace("Authorization", "Proxy-Authorization")).unwrap();
    assert_eq!(ends.check(SimTime::ZERO, &request), authentic());
}

#[test]
fn a_refusal_without_a_challenge_is_hopeless() {
    let mut ends = ends(&[Algorithm::Md5]);
    let plain = ends.next();
    for challenges in [&[][..], &["Basic realm=\"x\"".to_owned()], &["Digest realm=\"x\"".to_owned()]] {
        assert!(matches!(ends.answer(&plain, 401, challenges), Err(Hopeless::NoneKnown(_))));
    }
}

#[test]
fn credentials_that_are_for_something_else_dont_count() {
    let mut ends = ends(&[Algorithm::Md5]);
    let good = ends.begin(SimTime::ZERO);
    let raw = String::from_utf8(good.raw().to_vec()).unwrap();
    let mut check = |what: &str, other: &str| {
        assert!(raw.contains(what), "{what} in {raw}");
        ends.server.check(SimTime::ZERO, &Message::read(raw.replacen(what, other, 1)).unwrap(), passwords)
    };
    assert_eq!(check("realm=\"pbx.test\"", "realm=\"elsewhere\""), Verdict::Missing);
    assert_eq!(check("Authorization: Digest", "Authorization: Bearer"), Verdict::Missing);
    assert!(matches!(check("REGISTER sip:pbx.test", "REGISTER sip:other.test"), Verdict::Malformed(_)));
    assert!(matches!(check("nc=00000001", "nc=1"), Verdict::Malformed(_)));
    assert!(matches!(check(", uri=\"sip:pbx.test\"", ""), Verdict::Malformed(_)));
    // Method, count and nonces are under the hash; the nonce is ours or isn't.
    let wrong = Verdict::Wrong { user: "alice".into() };
    assert_eq!(check("nc=00000001", "nc=00000002"), wrong);
    assert_eq!(check("cnonce=\"c1\"", "cnonce=\"c2\""), wrong);
    assert_eq!(check("REGISTER sip:pbx.test", "OPTIONS sip:pbx.test"), wrong);
    // Another way to write the same URI (RFC 3261 section 19.1.4).
    assert_eq!(check("REGISTER sip:pbx.test", "REGISTER sip:PBX.test"), Verdict::Replayed { user: "alice".into() });
}

/// RFC 2069's clients can't count: each nonce serves them once.
#[test]
fn who_doesnt_count_uses_a_nonce_once() {
    let mut ends = ends(&[Algorithm::Md5]);
    let plain = ends.next();
    let challenges: Vec<String> =
        ends.server.challenge(SimTime::ZERO, false).iter().map(|one| one.replace(", qop=\"auth\"", "")).collect();
    let request = ends.answer(&plain, 401, &challenges).unwrap();
    assert_eq!(credentials_of(&request).count, None);
    assert_eq!(ends.check(SimTime::ZERO, &request), authentic());
    let next = ends.next();
    assert_eq!(ends.check(SimTime::ZERO, &next), Verdict::Replayed { user: "alice".into() });
}

/// A flood without passwords costs no memory, and old nonces are forgotten.
#[test]
fn only_nonces_that_were_used_rightly_are_kept_and_only_for_their_life() {
    let mut ends = ends(&[Algorithm::Md5]);
    for number in 0..1_000u64 {
        ends.server.challenge(SimTime(number), false);
    }
    let mut flood = with_password(&[Algorithm::Md5], "guessed");
    let plain = flood.next();
    let guess = flood.answer(&plain, 401, &ends.server.challenge(SimTime::ZERO, false)).unwrap();
    ends.check(SimTime::ZERO, &guess);
    assert_eq!(ends.server.kept(), 0);
    for number in 0..100 {
        let now = SimTime::ZERO + Duration::from_secs(number * 10);
        let mut client = with_password(&[Algorithm::Md5], "secret");
        let plain = client.next();
        let request = client.answer(&plain, 401, &ends.server.challenge(now, false)).unwrap();
        assert_eq!(ends.check(now, &request), authentic());
    }
    assert_eq!(ends.server.kept(), 30);
}

#[test]
fn one_seed_makes_the_same_nonces_and_two_servers_dont() {
    let make =
        |seed| Server::new("r", vec![Algorithm::Md5], LIFETIME, Random::stream(seed, "x")).challenge(SimTime(5), false);
    assert_eq!(make(1), make(1));
    assert_ne!(make(1), make(2));
}
