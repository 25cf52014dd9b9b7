//! An event as a request of its contract.

use ::http::header::CONTENT_TYPE;
use ::http::{HeaderValue, Method, Request, Uri};
use bytes::Bytes;

use crate::webhook::contract::{BodyForm, Contract, MethodRule};
use crate::webhook::date;
use crate::webhook::event::{Event, fill_url};
use crate::webhook::signature::{Parts, Secret, url_of};

const FORM: &str = "application/x-www-form-urlencoded";

/// The fields that a form has which names none.
const HEAD: [&str; 4] = ["id", "type", "timestamp", "sequence"];

/// Writes the request by which a contract tells an event to a URL, signed at that moment (milliseconds since 1970).
///
/// # Errors
/// The URL is none; the words say what's wrong with it.
pub fn compose(
    contract: &Contract,
    url: &str,
    event: &Event,
    secrets: &[Secret],
    now: u64,
    attempt: u32,
) -> Result<Request<Bytes>, String> {
    let (url, is_post) = match (contract.method, url.strip_suffix(" POST")) {
        (MethodRule::ByUrl, Some(url)) => (url, true),
        (MethodRule::ByUrl | MethodRule::Get, _) => (url, false),
        (MethodRule::Post, _) => (url, true),
    };
    // What stands behind # is the sender's own business.
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    let has_places = url.contains("--A--");
    let mut url = fill_url(url, |field| event.field(field));
    let mut body = Bytes::new();
    let mut content_type = None;
    match contract.body {
        BodyForm::Json => (body, content_type) = (event.to_json(), Some("application/json")),
        BodyForm::Form => (body, content_type) = (form(contract, event).into(), Some(FORM)),
        BodyForm::Query => {
            if !has_places {
                url = format!("{url}{}{}", if url.contains('?') { '&' } else { '?' }, form(contract, event));
            }
            if let Some((before, query)) = url.split_once('?').filter(|_| is_post) {
                (body, content_type) = (query.to_owned().into(), Some(FORM));
                url = before.to_owned();
            }
        }
    }
    let parse = |url: &str| url.parse::<Uri>().map_err(|error| format!("{url:?} is no URL: {error}"));
    let mut uri = parse(&url)?;
    let method = if is_post { Method::POST } else { Method::GET };
    let mut request = Request::new(body);
    *request.method_mut() = method;
    if let Some(content_type) = content_type {
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    for (name, template) in &contract.headers {
        let value = fill_header(template, event, now, attempt);
        let value = HeaderValue::from_str(&value).map_err(|_| format!("{value:?} can't stand in {name}"))?;
        request.headers_mut().insert(name, value);
    }
    let written_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let parts = Parts { id: &event.id, url: &url_of(&uri), content_type: written_type, body: request.body() };
    if let Some(secret) = secrets.iter().find(|secret| !contract.signature.can_sign_with(secret)) {
        let begins: String = secret.text().chars().take(5).collect();
        return Err(format!("{} signs, and its secret {begins}.. can't", contract.name));
    }
    let signed = contract.signature.sign(now / 1000, secrets, &parts);
    request.headers_mut().extend(signed.headers);
    if let Some(body) = signed.body {
        *request.body_mut() = body;
    }
    if let Some(url) = signed.url {
        uri = parse(&url)?;
    }
    *request.uri_mut() = uri;
    Ok(request)
}

fn form(contract: &Contract, event: &Event) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    let mut add = |name: &str| {
        if let Some(value) = event.field(name) {
            form.append_pair(name, &value);
        }
    };
    if contract.fields.is_empty() {
        HEAD.into_iter().chain(event.data.keys().map(String::as_str)).for_each(&mut add);
    } else {
        contract.fields.iter().map(String::as_str).for_each(&mut add);
    }
    form.finish()
}

fn fill_header(template: &str, event: &Event, now: u64, attempt: u32) -> String {
    if !template.contains('{') {
        return template.to_owned();
    }
    let pairs = [
        ("{id}", event.id.clone()),
        ("{type}", event.kind.name().to_owned()),
        ("{sequence}", event.sequence.to_string()),
        ("{occurred_at}", date::rfc3339(event.occurred_at)),
        ("{timestamp}", (now / 1000).to_string()),
        ("{attempt}", attempt.to_string()),
        ("{retry}", (attempt - 1).to_string()),
    ];
    pairs.iter().fold(template.to_owned(), |text, (place, value)| text.replace(place, value))
}
