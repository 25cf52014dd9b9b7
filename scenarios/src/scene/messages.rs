//! Messages from browser to browser: a page of its own, by which two people write to each other.
//!
//! The two pages find each other through the server, where each has a mailbox (HTTP): descriptions are posted there and
//! fetched from there. What they write to each other afterwards goes by a data channel, and no server sees it.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use busyhour::media::Direction;
use busyhour::media::webrtc::{ChannelId, Reach};
use busyhour::phone::browser::peer_connection::{
    IceGatheringState, OfferOptions, PeerConnection, PeerConnectionEvent, RtcConfiguration, SdpType,
};
use busyhour::phone::browser::{FetchRequest, Page, PeerId, Site, Tab, Web, WebEvent};
use busyhour::world::Host;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use super::{PATIENCE, Scene, webrtc};
use crate::argument;
use crate::phrase::{StepFailure, StepResult};

/// The port of the mailboxes on the server's host.
const MAILBOXES: u16 = 8090;
/// How often a page looks into its mailbox.
const LOOKS: Duration = Duration::from_millis(100);
/// How often somebody looks at the page.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// The name of the channel.
const LABEL: &str = "messages";

/// Two people who write to each other, each with a tab.
pub(crate) struct Correspondence {
    names: [String; 2],
    tabs: [Tab; 2],
    written: u32,
}

/// What lies in the mailboxes.
type Mail = Rc<RefCell<BTreeMap<String, VecDeque<Bytes>>>>;

/// Keeps mail for those who fetch it: `POST /bob`, `GET /bob`.
pub(super) fn keep_mailboxes(host: &Host) {
    let mail = Mail::default();
    host.boot(move |host| serve(host, mail.clone()));
}

async fn serve(host: Host, mail: Mail) {
    let Ok(listener) = host.listen(MAILBOXES).await else { return };
    while let Ok((stream, _)) = listener.accept().await {
        let mail = mail.clone();
        host.spawn(async move {
            let service = service_fn(|request: Request<hyper::body::Incoming>| take_or_give(request, mail.clone()));
            // A browser that goes away in the middle is its own affair.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn take_or_give(
    request: Request<hyper::body::Incoming>,
    mail: Mail,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let whose = request.uri().path().trim_start_matches('/').to_owned();
    let mut response = Response::new(Full::default());
    if request.method() == Method::POST {
        if let Ok(body) = request.into_body().collect().await {
            mail.borrow_mut().entry(whose).or_default().push_back(body.to_bytes());
        }
        *response.status_mut() = StatusCode::NO_CONTENT;
    } else {
        match mail.borrow_mut().get_mut(&whose).and_then(VecDeque::pop_front) {
            Some(letter) => *response.body_mut() = Full::new(letter),
            None => *response.status_mut() = StatusCode::NO_CONTENT,
        }
    }
    Ok(response)
}

/// The page: it looks into its mailbox, makes a connection, and shows what the other one writes.
struct Messages {
    me: String,
    other: String,
    begins: bool,
    server: String,
    reach: Reach,
    fetching: bool,
    peer: Option<PeerId>,
    /// An offer or an answer that waits for its candidates.
    unsent: Option<SdpType>,
    channel: Option<ChannelId>,
    read: Vec<String>,
}

impl Page for Messages {
    fn handle(&mut self, web: &Web, event: WebEvent) {
        match event {
            WebEvent::Load => {
                web.set_interval(LOOKS);
                if self.begins {
                    self.offer(web);
                }
            }
            WebEvent::Timer(_) if !self.fetching => {
                self.fetching = true;
                web.fetch(FetchRequest::get(format!("{}/{}", self.server, self.me)));
            }
            WebEvent::Fetched { outcome, .. } => {
                self.fetching = false;
                if let Ok(letter) = outcome
                    && letter.status == 200
                {
                    self.take(web, &letter.body);
                }
            }
            WebEvent::Peer { event, .. } => self.happened(web, event),
            _ => {}
        }
    }
}

impl Messages {
    fn connection(&mut self, web: &Web) -> Option<PeerConnection> {
        let reach = self.reach.clone();
        let peer = *self
            .peer
            .get_or_insert_with(|| web.peer_connection(RtcConfiguration { reach, ..RtcConfiguration::default() }));
        web.peer(peer)
    }

    fn offer(&mut self, web: &Web) {
        let Some(connection) = self.connection(web) else { return };
        connection.create_data_channel(LABEL);
        let done = connection
            .create_offer(OfferOptions::default())
            .and_then(|_| connection.set_local_description(SdpType::Offer));
        match done {
            Ok(()) => self.unsent = Some(SdpType::Offer),
            Err(error) => web.console("page-error", |event| event.with("error", error.to_string())),
        }
        self.send_description(web);
    }

    /// A description that came by mail: an offer for whom is asked, an answer for who asked.
    fn take(&mut self, web: &Web, description: &[u8]) {
        let Some(connection) = self.connection(web) else { return };
        let done = if self.begins {
            connection.set_remote_description(SdpType::Answer, description)
        } else {
            connection
                .set_remote_description(SdpType::Offer, description)
                .and_then(|()| connection.create_answer(Direction::SendRecv))
                .and_then(|_| connection.set_local_description(SdpType::Answer))
                .inspect(|()| self.unsent = Some(SdpType::Answer))
        };
        if let Err(error) = done {
            web.console("page-error", |event| event.with("error", error.to_string()));
        }
        self.send_description(web);
    }

    /// Mails the description once all candidates are in it.
    fn send_description(&mut self, web: &Web) {
        let Some(connection) = self.peer.and_then(|peer| web.peer(peer)) else { return };
        if self.unsent.is_none() || connection.ice_gathering_state() != IceGatheringState::Complete {
            return;
        }
        if let Some(description) = connection.local_description() {
            self.unsent = None;
            let to = format!("{}/{}", self.server, self.other);
            web.fetch(FetchRequest::post(to, "application/sdp", description));
        }
    }

    fn happened(&mut self, web: &Web, event: PeerConnectionEvent) {
        match event {
            PeerConnectionEvent::IceGatheringState(IceGatheringState::Complete)
            | PeerConnectionEvent::IceCandidate(None) => self.send_description(web),
            PeerConnectionEvent::DataOpen(channel) | PeerConnectionEvent::DataChannel(channel, _) => {
                self.channel = Some(channel);
            }
            PeerConnectionEvent::DataMessage { text: true, payload, .. } => {
                self.read.push(String::from_utf8_lossy(&payload).into_owned());
            }
            PeerConnectionEvent::DataClosed(_) => self.channel = None,
            _ => {}
        }
    }

    /// Writes something to the other one; false if there's no channel that takes it.
    fn write(&self, web: &Web, text: &str) -> bool {
        let connection = self.peer.and_then(|peer| web.peer(peer));
        connection.zip(self.channel).is_some_and(|(connection, channel)| connection.send_text(channel, text))
    }
}

impl Scene {
    /// Two people open pages by which they write to each other: the first one asks, the second one answers.
    pub(crate) async fn open_channel(&mut self, from: &str, to: &str) -> StepResult {
        if from == to {
            return Err(StepFailure::because("a data channel has two ends: name two agents"));
        }
        let server = self.center()?.mailboxes()?;
        let server = format!("http://{server}:{MAILBOXES}");
        let mut tabs = Vec::new();
        // Who is asked has the page open before the other one asks.
        for (me, other, begins) in [(to, from, false), (from, to, true)] {
            let named = argument::Agent::Named(me.to_owned());
            let mut agents = self.browsers(&named)?;
            let (agent, browser, _) = agents.remove(0);
            let turn = self.center()?.turn_address();
            let reach = turn.map_or_else(Reach::default, |server| webrtc::reach(&agent, server));
            let (me, other, server) = (me.to_owned(), other.to_owned(), server.clone());
            let site = Site::new("http://messages.test", move || Messages {
                me: me.clone(),
                other: other.clone(),
                begins,
                server: server.clone(),
                reach: reach.clone(),
                fetching: false,
                peer: None,
                unsent: None,
                channel: None,
                read: Vec::new(),
            });
            let opened = browser.open(&site);
            tabs.push(opened.map_err(|error| {
                StepFailure::because(format!("{} can't open a page for messages: {error}", agent.name))
            })?);
        }
        let [asked, asks]: [Tab; 2] =
            tabs.try_into().map_err(|_| StepFailure::because("a page for messages is missing"))?;
        let tabs = [asks, asked];
        let is_open = |tab: &Tab| tab.page(|page: &Messages| page.channel.is_some()) == Some(true);
        super::wait_until(&self.universe, Some(PATIENCE), || tabs.iter().all(is_open)).await;
        self.center()?.letters.push(Correspondence { names: [from.to_owned(), to.to_owned()], tabs, written: 0 });
        Ok(())
    }

    /// Each writes the other a message, and it's read there; or it isn't, whatever they try.
    pub(crate) async fn exchange_messages(
        &mut self,
        one: &str,
        other: &str,
        wanted: bool,
        within: Option<Duration>,
    ) -> StepResult {
        self.check_agent(one)?;
        self.check_agent(other)?;
        let deadline = self.universe.now() + within.unwrap_or(PATIENCE);
        let universe = self.universe.clone();
        let named = |letters: &&mut Correspondence| {
            let [a, b] = &letters.names;
            (a == one && b == other) || (a == other && b == one)
        };
        let Some(letters) = self.center()?.letters.iter_mut().rev().find(named) else {
            return Err(StepFailure::because(format!(
                "there is no data channel between {one} and {other}: `When {one} opens a data channel to {other}` opens one"
            )));
        };
        letters.written += 1;
        let text = |way: usize| format!("message {} of {}", letters.written, letters.names[way]);
        let mut written = [false; 2];
        let read = |way: usize| {
            let text = text(way);
            letters.tabs[1 - way].page(|page: &Messages| page.read.contains(&text)) == Some(true)
        };
        loop {
            for way in [0, 1].into_iter().filter(|way| !written[*way]).collect::<Vec<_>>() {
                let text = text(way);
                let sent = letters.tabs[way].press(|page: &mut Messages, web| page.write(web, &text));
                written[way] = sent == Some(true);
            }
            let [there, back] = [read(0), read(1)];
            let over = universe.now() >= deadline;
            let seen = |way: usize, read: bool| match (written[way], read) {
                (_, true) => format!("{} reads what {} writes", letters.names[1 - way], letters.names[way]),
                (true, _) => format!("{} never gets what {} writes", letters.names[1 - way], letters.names[way]),
                (false, _) => format!("{} has no channel to write to", letters.names[way]),
            };
            let seen = || format!("{}, {}", seen(0, there), seen(1, back));
            match (wanted, there && back, there || back) {
                (true, true, _) => return Ok(()),
                (true, ..) if over => {
                    return Err(StepFailure::differs(format!("messages between {one} and {other}"), seen()));
                }
                (false, _, true) => {
                    return Err(StepFailure::differs(format!("no messages between {one} and {other}"), seen()));
                }
                (false, ..) if over => return Ok(()),
                _ => universe.sleep(LOOK_AGAIN.min(deadline.since(universe.now()))).await,
            }
        }
    }
}
