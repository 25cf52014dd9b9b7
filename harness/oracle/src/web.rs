//! HTTP as servers have it: a request when its last byte has reached the server, its answer when the last byte of that
//! has left. Whether the client ever gets it is another matter; what was answered was said.
//!
//! Of those, the requests of agents' screens (VICIdial's `vdc_db_query.php`) are read with their answers: a [`Screen`].

use std::collections::VecDeque;
use std::net::SocketAddrV4;
use std::sync::Arc;

use busyhour_trace::{HostId, PacketId, SimTime};
use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::hearing::Way;
use crate::read::form::Form;
use crate::read::http::{Request, Response, read_request, read_response};
use crate::read::stream::{End, Flow, Streams};
use crate::read::tcp::Segment;
use crate::read::telling::Told;

/// Where agents' screens ask.
pub const SCREENS: &str = "/agc/vdc_db_query.php";
/// The Non-Agent API.
pub const NON_AGENT_API: &str = "/vicidial/non_agent_api.php";
/// The Agent API.
pub const AGENT_API: &str = "/agc/api.php";

/// A request that has reached its server, or the answer to one.
#[derive(Debug, Clone, Copy)]
pub struct Web<'a> {
    /// When.
    pub at: SimTime,
    /// The packet with the last byte.
    pub packet: PacketId,
    /// The server.
    pub server: HostId,
    /// Who asks, where that is known.
    pub client: Option<HostId>,
    /// The server's own address.
    pub here: SocketAddrV4,
    /// The client's, as the server sees it.
    pub there: SocketAddrV4,
    /// The request's number among all that reached a server.
    pub number: u64,
    /// When the request had reached the server.
    pub asked_at: SimTime,
    /// The request.
    pub request: &'a Request,
    /// The answer, once it's there.
    pub response: Option<&'a Response>,
    /// What it tells of, if it may be a webhook.
    pub told: Option<&'a Told>,
    /// The target's path.
    pub path: &'a str,
    /// What a screen asks for; but for polls, which ask for nothing that changes anything.
    pub order: Option<&'a Form>,
}

impl Web<'_> {
    /// True if it's a request to a floor: of a screen, or to one of its APIs.
    pub fn is_for_floor(&self) -> bool {
        is_for_floor(self.path)
    }

    /// The number that a screen hands its customer on to, or consults.
    pub fn transfers_to(&self) -> Option<String> {
        let order = self.order.filter(|order| order.get("ACTION") == Some("transfer"))?;
        Some(order.get("to")?.trim_start_matches('+').to_owned())
    }

    /// True once it's answered with a 2xx.
    pub fn is_taken(&self) -> bool {
        self.response.is_some_and(|response| (200..300).contains(&response.status))
    }
}

fn path(target: &str) -> &str {
    let target = target.strip_prefix("http://").and_then(|rest| rest.find('/').map(|at| &rest[at..])).unwrap_or(target);
    target.split(['?', '#']).next().unwrap_or_default()
}

fn is_for_floor(path: &str) -> bool {
    matches!(path, SCREENS | NON_AGENT_API | AGENT_API)
}

/// What an agent's screen has asked, and what it's told.
#[derive(Debug, Clone, Copy)]
pub struct Screen<'a> {
    /// When the answer had left the floor.
    pub at: SimTime,
    /// When the request had reached it.
    pub asked_at: SimTime,
    /// The answer's last packet.
    pub packet: PacketId,
    /// The request's number: a floor works on requests in their order.
    pub number: u64,
    /// The floor.
    pub host: HostId,
    /// The agent's computer, where that is known.
    pub client: Option<HostId>,
    /// The session's name: a login's is in its answer.
    pub session: &'a str,
    /// Whose session it is; empty if nobody has begun it.
    pub user: &'a str,
    /// What was asked: `poll`, `updateDISPO`, ...
    pub action: &'a str,
    /// With what.
    pub form: &'a Form,
    /// What was told.
    pub shown: &'a Shown,
    /// The answer to a later request of the session has left before: what it shows is older than that.
    pub is_overtaken: bool,
}

/// An answer to a screen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// It was done.
    pub is_ok: bool,
    /// `ok` or `disabled`; empty if it's told of no session.
    pub session: String,
    /// READY, QUEUE, INCALL, PAUSED, CLOSER.
    pub status: String,
    /// DEAD, DISPO or empty.
    pub sub_status: String,
    /// Why she's paused.
    pub pause_code: String,
    /// The lead of her call; 0 without.
    pub lead_id: u64,
    /// Her call; empty without.
    pub call_id: String,
    /// The customer's number.
    pub phone_number: String,
    /// How the customer stands: DIALING, LIVE, PARKED, ENDED, or why he wasn't reached.
    pub customer: String,
    /// The URLs that the screen is to have called.
    pub urls: Vec<u64>,
    /// The session that a login has begun.
    pub session_name: String,
}

impl Shown {
    /// True if she has a customer who is there, or is being called.
    pub fn has_customer(&self) -> bool {
        matches!(&*self.customer, "DIALING" | "LIVE" | "PARKED")
    }

    fn read(body: &[u8]) -> Option<Shown> {
        let json: Value = serde_json::from_slice(body).ok()?;
        let text = |name: &str| json.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let urls = json.get("urls").and_then(Value::as_array);
        Some(Shown {
            is_ok: text("result") == "ok",
            session: text("session"),
            status: text("status"),
            sub_status: text("sub_status"),
            pause_code: text("pause_code"),
            lead_id: json.get("lead_id").and_then(Value::as_u64).unwrap_or(0),
            call_id: text("call_id"),
            phone_number: text("phone_number"),
            customer: text("customer"),
            urls: urls.into_iter().flatten().filter_map(Value::as_u64).collect(),
            session_name: text("session_name"),
        })
    }
}

/// What was heard of HTTP.
#[derive(Debug)]
pub enum Said<'a> {
    /// A request.
    Asked(Web<'a>),
    /// An answer.
    Answered(Web<'a>),
    /// An answer to a screen, behind [`Said::Answered`].
    Screen(Screen<'a>),
    /// A host wants a connection.
    Knocked(Knock),
}

/// A host wants a TCP connection; seen where it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Knock {
    /// When.
    pub at: SimTime,
    /// Who.
    pub from: HostId,
    /// Whom it reaches or would reach, where that is known.
    pub to: Option<HostId>,
    /// Where.
    pub there: SocketAddrV4,
}

/// Where a segment was seen, and between whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) at: SimTime,
    pub(crate) packet: PacketId,
    pub(crate) way: Way,
    pub(crate) from: Option<HostId>,
    pub(crate) to: Option<HostId>,
}

/// Reads what servers are asked and answer.
#[derive(Debug, Default)]
pub(crate) struct Listener {
    /// What has arrived of the clients', and what was sent of the servers'.
    streams: Streams,
    /// By the client's direction.
    talks: FxHashMap<Flow, Talk>,
    next: u64,
    screens: FxHashMap<String, Known>,
}

#[derive(Debug)]
struct Talk {
    server: HostId,
    client: Option<HostId>,
    is_http: bool,
    waiting: VecDeque<Asked>,
    /// The last request and the last answer.
    question: Option<Arc<Question>>,
    reply: Option<Reply>,
}

#[derive(Debug)]
struct Asked {
    at: SimTime,
    number: u64,
    question: Arc<Question>,
}

/// A request and all that is read of it. Who polls says the same again and again: if what comes begins with these bytes,
/// there's no need to read it.
#[derive(Debug)]
struct Question {
    bytes: Vec<u8>,
    request: Request,
    path: String,
    told: Option<Told>,
    /// What a screen asks.
    form: Form,
}

/// An answer: to another request of that method the same bytes are the same one.
#[derive(Debug)]
struct Reply {
    bytes: Vec<u8>,
    method: String,
    response: Response,
}

impl Question {
    fn new(bytes: &[u8], request: Request) -> Question {
        let path = path(&request.target).to_owned();
        let told = if is_for_floor(&path) { None } else { Told::read(&request) };
        let body = &request.message.body;
        let query = request.target.split_once('?').map_or("", |(_, query)| query);
        let asked = if body.is_empty() { query.as_bytes() } else { body };
        let form = if path == SCREENS { Form::read(asked) } else { Form::default() };
        Question { bytes: bytes.to_vec(), request, path, told, form }
    }

    fn order(&self) -> Option<&Form> {
        let body = &self.request.message.body;
        (self.path == SCREENS && !body.is_empty() && !body.starts_with(b"ACTION=poll")).then_some(&self.form)
    }
}

/// A session, and the last answer to its screen: most polls are answered alike.
#[derive(Debug, Default)]
struct Known {
    user: String,
    body: Vec<u8>,
    shown: Shown,
    /// The latest request that was answered.
    newest: u64,
}

/// The methods that webhooks, pages and pollers use.
const METHODS: [&[u8]; 5] = [b"GET ", b"POST ", b"PUT ", b"HEAD ", b"OPTIONS "];

/// True if it's a request of HTTP, and not of SIP, whose targets aren't paths; nothing as long as it may be either.
fn begins_like_http(bytes: &[u8]) -> Option<bool> {
    for method in METHODS {
        let common = bytes.len().min(method.len());
        if bytes[..common] == method[..common] {
            return bytes.get(method.len()).map(|next| matches!(next, b'/' | b'h'));
        }
    }
    Some(false)
}

impl Talk {
    fn new(server: HostId, client: Option<HostId>) -> Talk {
        Talk { server, client, is_http: false, waiting: VecDeque::new(), question: None, reply: None }
    }
}

impl Listener {
    /// Takes a segment.
    pub(crate) fn segment(&mut self, seen: Seen, flow: Flow, segment: &Segment<'_>, tell: &mut dyn FnMut(Said<'_>)) {
        let flags = segment.flags;
        if segment.payload.is_empty() && !flags.syn() && !flags.fin() && !flags.rst() {
            return;
        }
        let client_flow = match seen.way {
            Way::Arrived => {
                if flags.syn() && !flags.ack() {
                    let Some(server) = seen.to else { return };
                    let is_same = self.talks.get(&flow).is_some_and(|talk| !talk.is_http);
                    if !is_same {
                        self.streams.forget(flow);
                        self.talks.insert(flow, Talk::new(server, seen.from));
                    }
                }
                flow
            }
            Way::Sent => {
                if flags.syn()
                    && !flags.ack()
                    && let Some(from) = seen.from
                {
                    tell(Said::Knocked(Knock { at: seen.at, from, to: seen.to, there: flow.to }));
                    return;
                }
                flow.reversed()
            }
        };
        if !self.talks.contains_key(&client_flow) {
            return;
        }
        self.streams.segment(seen.at, seen.packet, flow, segment);
        let goes_on = if seen.way == Way::Arrived {
            self.requests(client_flow, tell)
        } else {
            self.responses(seen, client_flow, tell)
        };
        if !goes_on {
            self.talks.remove(&client_flow);
            self.streams.forget(client_flow);
        }
    }

    /// Reads the requests that are there whole; false if the connection is none of HTTP, or is over.
    fn requests(&mut self, flow: Flow, tell: &mut dyn FnMut(Said<'_>)) -> bool {
        let (Some(talk), Some(stream)) = (self.talks.get_mut(&flow), self.streams.get_mut(flow)) else { return true };
        if !talk.is_http && !stream.bytes().is_empty() {
            match begins_like_http(stream.bytes()) {
                Some(true) => talk.is_http = true,
                Some(false) => return false,
                None => return true,
            }
        }
        while !stream.bytes().is_empty() {
            let bytes = stream.bytes();
            let question = match &talk.question {
                Some(last) if bytes.starts_with(&last.bytes) => Arc::clone(last),
                _ => match read_request(bytes) {
                    Ok(Some((request, length))) => Arc::new(Question::new(&bytes[..length], request)),
                    Ok(None) => break,
                    Err(_) => return false,
                },
            };
            let length = question.bytes.len();
            let brought = stream.brought(stream.consumed() + length as u64 - 1);
            stream.consume(length);
            let Some((at, packet)) = brought else { return false };
            // A WebSocket is heard elsewhere.
            if question.request.message.text("Upgrade").is_some() {
                return false;
            }
            self.next += 1;
            talk.question = Some(Arc::clone(&question));
            let asked = Asked { at, number: self.next, question };
            tell(Said::Asked(asked.web(flow, talk, at, packet, None)));
            talk.waiting.push_back(asked);
        }
        !matches!(stream.end(), Some(End::Reset(_)))
    }

    /// Reads the answers that are there whole; false if the connection is over.
    fn responses(&mut self, seen: Seen, flow: Flow, tell: &mut dyn FnMut(Said<'_>)) -> bool {
        let Listener { streams, talks, screens, .. } = self;
        let (Some(talk), Some(stream)) = (talks.get_mut(&flow), streams.get_mut(flow.reversed())) else { return true };
        let has_ended = stream.end().is_some();
        while !stream.bytes().is_empty() {
            let Some(asked) = talk.waiting.front() else { break };
            let finished = matches!(stream.end(), Some(End::Finished(_)));
            let (bytes, method) = (stream.bytes(), &asked.question.request.method);
            if talk.reply.as_ref().is_none_or(|last| last.method != *method || !bytes.starts_with(&last.bytes)) {
                let (response, length) = match read_response(bytes, method, finished) {
                    Ok(Some(read)) => read,
                    Ok(None) => break,
                    Err(_) => return false,
                };
                let method = method.clone();
                talk.reply = Some(Reply { bytes: bytes[..length].to_vec(), method, response });
            }
            let Some(Reply { bytes, response, .. }) = &talk.reply else { break };
            let length = bytes.len();
            let (at, packet) = stream.brought(stream.consumed() + length as u64 - 1).unwrap_or((seen.at, seen.packet));
            stream.consume(length);
            if response.status < 200 {
                continue;
            }
            let Some(asked) = talk.waiting.pop_front() else { break };
            let web = asked.web(flow, talk, at, packet, Some(response));
            tell(Said::Answered(web));
            if web.path == SCREENS {
                screen(&web, &asked.question.form, screens, tell);
            }
        }
        !has_ended
    }
}

impl Asked {
    fn web<'a>(
        &'a self,
        flow: Flow,
        talk: &Talk,
        at: SimTime,
        packet: PacketId,
        response: Option<&'a Response>,
    ) -> Web<'a> {
        let question = &*self.question;
        Web {
            at,
            packet,
            server: talk.server,
            client: talk.client,
            here: flow.to,
            there: flow.from,
            number: self.number,
            asked_at: self.at,
            request: &question.request,
            response,
            told: question.told.as_ref(),
            path: &question.path,
            order: question.order(),
        }
    }
}

/// Reads an answer to a screen.
fn screen(web: &Web<'_>, form: &Form, screens: &mut FxHashMap<String, Known>, tell: &mut dyn FnMut(Said<'_>)) {
    let Some(response) = web.response.filter(|_| web.is_taken()) else { return };
    let action = form.get("ACTION").unwrap_or_default();
    let mut session = form.get("session_name").unwrap_or_default().to_owned();
    if screens.get(&session).is_none_or(|known| known.body != response.message.body) {
        let Some(shown) = Shown::read(&response.message.body) else { return };
        if action == "login" && shown.is_ok {
            shown.session_name.clone_into(&mut session);
        }
        let known = screens.entry(session.clone()).or_default();
        if action == "login" && shown.is_ok {
            known.user = form.get("user").unwrap_or_default().to_owned();
        }
        known.body.clone_from(&response.message.body);
        known.shown = shown;
    }
    let Some(known) = screens.get_mut(&session) else { return };
    let is_overtaken = web.number < known.newest;
    known.newest = known.newest.max(web.number);
    let known = &*known;
    tell(Said::Screen(Screen {
        at: web.at,
        asked_at: web.asked_at,
        packet: web.packet,
        number: web.number,
        host: web.server,
        client: web.client,
        session: &session,
        user: &known.user,
        action,
        form,
        shown: &known.shown,
        is_overtaken,
    }));
}
