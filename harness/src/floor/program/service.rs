//! What the floor answers on port 80.

use std::rc::Rc;

use bytes::Bytes;

use super::engine::{Engine, Stopped};
use crate::floor::api::{self, Params};
use crate::floor::core::ScreenReply;
use crate::floor::screen::form;
use crate::http::{Answer, Incoming, Response, StatusCode, header};

/// Answers a request. A floor that has stopped closes the connection.
pub(super) async fn answer(engine: Rc<Engine>, incoming: Incoming) -> Answer {
    let request = &incoming.request;
    let answered = match request.uri().path() {
        form::PATH => screen(&engine, request.uri().query().unwrap_or_default(), request.body()),
        api::NON_AGENT => {
            let params = Params::of(request);
            engine.act(|core, now| api::non_agent(core, now, &params)).map(lines)
        }
        api::AGENT => {
            let params = Params::of(request);
            engine.act(|core, now| api::agent(core, now, &params)).map(lines)
        }
        _ => Ok(response(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "there's nothing here\n")),
    };
    match answered {
        Ok(response) => response.into(),
        Err(Stopped(_)) => Answer::Close,
    }
}

fn screen(engine: &Engine, query: &str, body: &Bytes) -> Result<Response<Bytes>, Stopped> {
    let form = if body.is_empty() { query.as_bytes() } else { body };
    let reply = match form::read(form) {
        Ok(request) => engine.act(|core, now| core.screen(now, request))?,
        Err(why) => ScreenReply::refused(why),
    };
    let mut line = serde_json::to_vec(&reply).expect("a reply is plain data");
    line.push(b'\n');
    Ok(response(StatusCode::OK, "application/json; charset=utf-8", line))
}

fn lines((status, text): api::Lines) -> Response<Bytes> {
    response(StatusCode::from_u16(status).unwrap_or(StatusCode::OK), "text/html; charset=utf-8", text)
}

fn response(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}
