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

const SIGNING: [Scheme; 8] = [
    Scheme::Standard,
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
    for (scheme, name) in [(Scheme::Standard, "webhook-timestamp"), (Scheme::Svix, "svix-timestamp")] {
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
