//! Each scheme against its own words, against forgeries, and Standard Webhooks against the code of others.

use super::*;

const NOW: u64 = 1_795_442_400;
const BODY: &[u8] = br#"{"id":"evt_1", "total": 1.0}"#;
const FORM: &[u8] = b"status=SALE&lead_id=1001&phone_number=%2B15551230001";

fn secrets(scheme: Scheme) -> [Secret; 2] {
    let mut random = Random::stream(1, "secrets");
    [scheme.draw_secret(&mut random), scheme.draw_secret(&mut random)]
}

fn parts(scheme: Scheme) -> Parts<'static> {
    let (content_type, body) = match scheme {
        Scheme::Twilio | Scheme::Didww => ("application/x-www-form-urlencoded", FORM),
        _ => ("application/json", BODY),
    };
    Parts { id: "evt_1", url: "http://crm.test/hook?from=floor", content_type, body }
}

/// A request that was signed at `NOW`.
fn request(scheme: Scheme, secrets: &[Secret]) -> Request<Bytes> {
    let parts = parts(scheme);
    let signed = scheme.sign(NOW, secrets, &parts);
    let body = signed.body.unwrap_or(Bytes::from_static(parts.body));
    let request = Request::post("/hook?from=floor").header("Host", "crm.test:80");
    let mut request = request.header("Content-Type", parts.content_type).body(body).expect("a request");
    request.headers_mut().extend(signed.headers);
    request
}

fn verify(scheme: Scheme, now: u64, secrets: &[Secret], request: &Request<Bytes>) -> Result<(), Rejection> {
    scheme.verify(now, secrets, DEFAULT_TOLERANCE, &Received::of(request))
}

const SIGNING: [Scheme; 9] = [
    Scheme::Standard,
    Scheme::StandardV1a,
    Scheme::Svix,
    Scheme::Stripe,
    Scheme::GitHub,
    Scheme::Shopify,
    Scheme::Twilio,
    Scheme::Dialpad,
    Scheme::Didww,
];

#[test]
fn what_one_signs_the_other_believes_and_nobody_with_another_secret() {
    for scheme in SIGNING {
        let [old, new] = secrets(scheme);
        let request = request(scheme, std::slice::from_ref(&old));
        assert_eq!(verify(scheme, NOW, std::slice::from_ref(&old), &request), Ok(()), "{scheme}");
        assert_eq!(verify(scheme, NOW, &[new.clone(), old], &request), Ok(()), "{scheme}: both are known");
        assert_eq!(verify(scheme, NOW, &[new], &request), Err(Rejection::WrongSignature), "{scheme}");
        assert_eq!(verify(scheme, NOW, &[], &request), Err(Rejection::WrongSignature), "{scheme}: none is known");
    }
}

#[test]
fn at_a_rotation_those_that_bear_several_signatures_please_both_receivers() {
    for scheme in SIGNING {
        let [old, new] = secrets(scheme);
        let request = request(scheme, &[new.clone(), old.clone()]);
        assert_eq!(verify(scheme, NOW, &[new], &request), Ok(()), "{scheme}");
        let with_old = verify(scheme, NOW, &[old], &request);
        assert_eq!(with_old.is_ok(), scheme.bears_several(), "{scheme}");
    }
}

#[test]
fn a_changed_body_is_not_believed_nor_one_that_was_parsed_and_written_again() {
    for scheme in SIGNING {
        let [secret, _] = secrets(scheme);
        let good = request(scheme, std::slice::from_ref(&secret));
        let mut forged = good.clone();
        let mut bytes = good.body().to_vec();
        let place = bytes.len() / 2;
        bytes[place] ^= 1;
        *forged.body_mut() = bytes.into();
        let verdict = verify(scheme, NOW, std::slice::from_ref(&secret), &forged);
        assert_eq!(verdict, Err(Rejection::WrongSignature), "{scheme}");
        if !matches!(scheme, Scheme::Twilio | Scheme::Didww | Scheme::Dialpad) {
            let value: serde_json::Value = serde_json::from_slice(good.body()).expect("it's JSON");
            let mut rewritten = good.clone();
            *rewritten.body_mut() = value.to_string().into();
            assert_eq!(verify(scheme, NOW, &[secret], &rewritten), Err(Rejection::WrongSignature), "{scheme}");
        }
    }
}

#[test]
fn a_form_in_another_order_is_the_same_to_those_who_sort_it() {
    for scheme in [Scheme::Twilio, Scheme::Didww] {
        let [secret, _] = secrets(scheme);
        let mut request = request(scheme, std::slice::from_ref(&secret));
        *request.body_mut() = Bytes::from_static(b"phone_number=%2B15551230001&status=SALE&lead_id=1001");
        assert_eq!(verify(scheme, NOW, std::slice::from_ref(&secret), &request), Ok(()), "{scheme}");
        *request.uri_mut() = "/hook?from=stranger".parse().expect("a URI");
        assert_eq!(verify(scheme, NOW, &[secret], &request), Err(Rejection::WrongSignature), "{scheme}: another URL");
    }
}

#[test]
fn a_signature_with_its_moment_is_good_for_five_minutes_both_ways_and_one_without_for_ever() {
    for scheme in SIGNING {
        let [secret, _] = secrets(scheme);
        let request = request(scheme, std::slice::from_ref(&secret));
        let at = |now| verify(scheme, now, std::slice::from_ref(&secret), &request);
        assert_eq!((at(NOW + 300), at(NOW - 300)), (Ok(()), Ok(())), "{scheme}");
        let outside = (at(NOW + 301), at(NOW - 301));
        if scheme.has_timestamp() {
            assert_eq!(outside, (Err(Rejection::TooOld), Err(Rejection::TooNew)), "{scheme}");
        } else {
            assert_eq!(outside, (Ok(()), Ok(())), "{scheme}: a copy of it is good for ever");
        }
    }
}

#[test]
fn without_a_signature_nothing_is_believed() {
    for scheme in SIGNING {
        let [secret, _] = secrets(scheme);
        let request = Request::post("/hook").body(Bytes::from_static(BODY)).expect("a request");
        let expected = if scheme == Scheme::Dialpad { Rejection::Malformed } else { Rejection::NoSignature };
        assert_eq!(verify(scheme, NOW, &[secret], &request), Err(expected), "{scheme}");
    }
}

/// thirdweb-dev/js#7103: a timestamp that's no number compared false with everything, and got past the tolerance.
#[test]
fn a_timestamp_that_is_no_number_gets_past_nobody() {
    for (scheme, name) in [
        (Scheme::Standard, "webhook-timestamp"),
        (Scheme::StandardV1a, "webhook-timestamp"),
        (Scheme::Svix, "svix-timestamp"),
    ] {
        let [secret, _] = secrets(scheme);
        for wrong in ["NaN", "", "-1", "+1795442400", "1795442400.0", "99999999999999999999"] {
            let mut request = request(scheme, std::slice::from_ref(&secret));
            request.headers_mut().insert(name, HeaderValue::from_static(wrong));
            let verdict = verify(scheme, NOW, std::slice::from_ref(&secret), &request);
            assert_eq!(verdict, Err(Rejection::Malformed), "{scheme}: {wrong:?}");
        }
    }
    let [secret, _] = secrets(Scheme::Stripe);
    for wrong in ["t=NaN,v1=00", "v1=00", "nonsense"] {
        let mut request = request(Scheme::Stripe, std::slice::from_ref(&secret));
        request.headers_mut().insert(stripe::HEADER, HeaderValue::from_static(wrong));
        let verdict = verify(Scheme::Stripe, NOW, std::slice::from_ref(&secret), &request);
        assert_eq!(verdict, Err(Rejection::Malformed), "{wrong:?}");
    }
}

#[test]
fn a_token_that_chooses_no_signature_is_not_believed() {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let [secret, _] = secrets(Scheme::Dialpad);
    let (header, payload) = (URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(BODY));
    let request = Request::post("/hook").body(Bytes::from(format!("{header}.{payload}."))).expect("a request");
    assert_eq!(verify(Scheme::Dialpad, NOW, &[secret], &request), Err(Rejection::NoSignature));
    assert_eq!(Scheme::Dialpad.payload(request.body()).as_deref(), Some(BODY), "it's read without being believed");
}

/// The vector of the specification (standard-webhooks 1.0.0).
#[test]
fn the_vector_of_the_specification_is_signed_as_it_says() {
    let secret = Secret::new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    let body = br#"{"email":"test@example.com","username":"test_user"}"#;
    let parts = Parts {
        id: "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
        url: "http://crm.test/",
        content_type: "application/json",
        body,
    };
    let signed = Scheme::Standard.sign(1_649_367_553, &[secret], &parts);
    assert_eq!(signed.headers["webhook-signature"], "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
    assert_eq!(signed.headers["webhook-timestamp"], "1649367553");
}

/// Code that nobody here wrote.
#[test]
fn the_standardwebhooks_crate_signs_and_believes_the_same() {
    let secret = Secret::new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    let theirs = standardwebhooks::Webhook::new(secret.text()).expect("a secret");
    let parts = Parts { id: "msg_1", url: "", content_type: "", body: BODY };
    let ours = Scheme::Standard.sign(NOW, std::slice::from_ref(&secret), &parts);
    let at = i64::try_from(NOW).expect("not that far");
    assert_eq!(theirs.sign("msg_1", at, BODY).expect("a signature"), ours.headers["webhook-signature"]);
    // Its verify reads the real clock: signed at that moment, ours is believed.
    let real = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let ours = Scheme::Standard.sign(real, &[secret], &parts);
    theirs.verify(BODY, &ours.headers).expect("it believes us");
}

/// The pair and the signature of the tests of Svix's server (`test_asymmetric_key_signing`), which others check against.
#[test]
fn a_known_pair_signs_as_others_do_and_its_public_half_believes_it() {
    let private = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
    let private = Secret::new(private);
    let parts =
        Parts { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", url: "", content_type: "", body: br#"{"test": 2432232314}"# };
    let signed = Scheme::StandardV1a.sign(1_614_265_330, std::slice::from_ref(&private), &parts);
    let expected = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";
    assert_eq!(signed.headers["webhook-signature"], expected);

    let public = private.for_receiver();
    assert_eq!(public.text(), "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=");
    let received = Received { url: String::new(), headers: &signed.headers, body: parts.body };
    let verify = |secret| Scheme::StandardV1a.verify(1_614_265_330, &[secret], DEFAULT_TOLERANCE, &received);
    assert_eq!(verify(public), Ok(()));
    // Without the public half behind it, it's the same key.
    let seed = Secret::new("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=");
    assert_eq!(verify(seed.for_receiver()), Ok(()));
}

/// Who takes the public half for a shared secret believes everybody: everybody may have it.
#[test]
fn nobody_signs_with_a_public_half() {
    let [private, _] = secrets(Scheme::StandardV1a);
    let public = private.for_receiver();
    assert!(Scheme::StandardV1a.can_sign_with(&private) && !Scheme::StandardV1a.can_sign_with(&public));
    let bytes = STANDARD.decode(&public.text()[5..]).expect("base64");
    for key in [bytes, public.text().as_bytes().to_vec()] {
        // A signature of the other version with what's public.
        let shared = Secret::new(format!("whsec_{}", STANDARD.encode(key)));
        let forged = request(Scheme::Standard, &[shared]);
        let verdict = verify(Scheme::StandardV1a, NOW, std::slice::from_ref(&public), &forged);
        assert_eq!(verdict, Err(Rejection::WrongSignature));
    }
    for text in ["whsk_", "whsk_AAAA", "whpk_AAAA", "whsk_not base64"] {
        let nothing = Secret::new(text);
        assert!(!Scheme::StandardV1a.can_sign_with(&nothing), "{text}");
        let forged = request(Scheme::Standard, &[Secret::new(format!("whsec_{}", STANDARD.encode(text)))]);
        let verdict = verify(Scheme::StandardV1a, NOW, &[nothing], &forged);
        assert_eq!(verdict, Err(Rejection::WrongSignature), "{text}");
    }
    // A pair whose halves don't belong together.
    let mut halves = STANDARD.decode(&private.text()[5..]).expect("base64");
    halves[63] ^= 1;
    assert!(!Scheme::StandardV1a.can_sign_with(&Secret::new(format!("whsk_{}", STANDARD.encode(halves)))));
}

/// Standard Webhooks 1.0.0: the list is there so that a sender can go from one secret to another, of the other kind too.
#[test]
fn from_a_shared_secret_to_a_pair_both_receivers_are_pleased() {
    let [shared, _] = secrets(Scheme::Standard);
    let [private, _] = secrets(Scheme::StandardV1a);
    let request = request(Scheme::StandardV1a, &[private.clone(), shared.clone()]);
    let list = request.headers()["webhook-signature"].to_str().expect("a text");
    let versions: Vec<&str> = list.split(' ').filter_map(|one| one.split(',').next()).collect();
    assert_eq!(versions, ["v1a", "v1"]);
    assert_eq!(verify(Scheme::Standard, NOW, &[shared], &request), Ok(()));
    assert_eq!(verify(Scheme::StandardV1a, NOW, &[private.for_receiver()], &request), Ok(()));
}

/// The vectors of Twilio's own libraries: a form, and JSON whose hash is in the URL.
#[test]
fn twilios_vectors_are_signed_as_its_libraries_say() {
    let secret = [Secret::new("12345")];
    let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
    let form = b"CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212";
    let parts = Parts { id: "", url, content_type: "application/x-www-form-urlencoded", body: form };
    let signed = Scheme::Twilio.sign(NOW, &secret, &parts);
    assert_eq!(signed.headers[params::TWILIO], "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
    assert_eq!(signed.url, None);

    let parts = Parts { content_type: "application/json", body: br#"{"property": "value", "boolean": true}"#, ..parts };
    let signed = Scheme::Twilio.sign(NOW, &secret, &parts);
    let hash = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
    assert_eq!(signed.url.as_deref(), Some(format!("{url}&bodySHA256={hash}").as_str()));
    assert_eq!(signed.headers[params::TWILIO], "a9nBmqA0ju/hNViExpshrM61xv4=");
}

#[test]
fn twilios_json_is_believed_with_the_hash_that_was_signed_and_with_no_other_body() {
    let [secret, _] = secrets(Scheme::Twilio);
    let secret = std::slice::from_ref(&secret);
    let parts = Parts { content_type: "application/json", body: BODY, ..parts(Scheme::Twilio) };
    let signed = Scheme::Twilio.sign(NOW, secret, &parts);
    let url = signed.url.expect("it has the hash");
    let good = |url: &str, body: &'static [u8]| {
        let request = Request::post(url).header("Content-Type", "application/json");
        let mut request = request.body(Bytes::from_static(body)).expect("a request");
        request.headers_mut().extend(signed.headers.clone());
        request
    };
    assert_eq!(verify(Scheme::Twilio, NOW, secret, &good(&url, BODY)), Ok(()));
    let other = br#"{"id":"evt_1", "total": 9.0}"#;
    let wrong = Err(Rejection::WrongSignature);
    assert_eq!(verify(Scheme::Twilio, NOW, secret, &good(&url, other)), wrong, "the body isn't that of the hash");
    let rehashed = params::with_hash(parts.url, "application/json", other).expect("a hash");
    assert_eq!(verify(Scheme::Twilio, NOW, secret, &good(&rehashed, other)), wrong, "the hash isn't what was signed");
    // The signature of a URL without the hash vouches for no body.
    let bare = Scheme::Twilio.sign(NOW, secret, &Parts { body: b"", ..parts });
    let mut request = good(parts.url, BODY);
    request.headers_mut().extend(bare.headers);
    assert_eq!(verify(Scheme::Twilio, NOW, secret, &request), wrong);
}
