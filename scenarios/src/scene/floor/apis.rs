//! The CRM that calls the floor's APIs, and its poller.

use std::net::SocketAddrV4;
use std::time::Duration;

use busyhour::floor::api::{AGENT, NON_AGENT};
use busyhour::http::{Client, Limits, Request};
use busyhour::net::Only;
use busyhour::net::packet::Protocol;
use busyhour::webhook::crm::{How, Poll};
use busyhour::world::Host;
use bytes::Bytes;

use super::super::{Scene, wait_until};
use super::{API_PASSWORD, API_USER, BREATH};
use crate::argument;
use crate::phrase::{StepFailure, StepResult};

/// How long the CRM waits for an answer.
const ANSWER: Duration = Duration::from_secs(10);
/// The host that calls the APIs where nobody receives webhooks.
const CRM: &str = "the-crm";
const WEB: u16 = 80;

/// The CRM, as a client of the APIs.
pub(in crate::scene) struct ApiClient {
    host: Host,
    /// The last request: path and query.
    last: Option<String>,
    /// The lines of the answer to it; none if it was lost.
    answer: Option<String>,
    /// The next reply is to be lost.
    loses_next: bool,
}

impl ApiClient {
    pub(in crate::scene) fn host(&self) -> &Host {
        &self.host
    }
}

impl Scene {
    fn api_client(&mut self) -> Result<&mut ApiClient, StepFailure> {
        let universe = self.universe.clone();
        let outside = &mut self.center()?.outside;
        if outside.api.is_none() {
            let host = match outside.receivers.first() {
                Some(receiver) => receiver.host().clone(),
                None => universe.try_host(CRM).map_err(super::super::center::failed)?,
            };
            outside.api = Some(ApiClient { host, last: None, answer: None, loses_next: false });
        }
        Ok(outside.api.as_mut().expect("it was just there"))
    }

    /// The CRM calls the Non-Agent API.
    pub(crate) async fn call_non_agent_api(&mut self, function: &str, parameters: Vec<(String, String)>) -> StepResult {
        self.call_api(NON_AGENT, function, None, parameters).await
    }

    /// The CRM calls the Agent API for somebody's screen.
    pub(crate) async fn call_agent_api(
        &mut self,
        function: &str,
        who: &argument::Agent,
        parameters: Vec<(String, String)>,
    ) -> StepResult {
        for name in self.names_of(who)? {
            self.call_api(AGENT, function, Some(&name), parameters.clone()).await?;
        }
        Ok(())
    }

    async fn call_api(
        &mut self,
        path: &str,
        function: &str,
        agent: Option<&str>,
        parameters: Vec<(String, String)>,
    ) -> StepResult {
        let own = [
            ("source", "crm"),
            ("user", API_USER),
            ("pass", API_PASSWORD),
            ("function", function),
            ("agent_user", agent.unwrap_or_default()),
        ];
        let said = |name: &str| parameters.iter().any(|(parameter, _)| parameter == name);
        let own = own.into_iter().filter(|(name, value)| !value.is_empty() && !said(name));
        let mut query = String::new();
        for (name, value) in own.chain(parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))) {
            let sign = if query.is_empty() { '?' } else { '&' };
            query.push_str(&format!("{sign}{}={}", encoded(name), encoded(value)));
        }
        self.api_client()?.last = Some(format!("{path}{query}"));
        self.ask_api().await
    }

    /// The same request once more.
    pub(crate) async fn repeat_api_call(&mut self) -> StepResult {
        if self.api_client()?.last.is_none() {
            return Err(StepFailure::because("the CRM has called no API yet, so it can't repeat that"));
        }
        self.ask_api().await
    }

    async fn ask_api(&mut self) -> StepResult {
        let floor = self.floor().await?;
        let universe = self.universe.clone();
        let client = self.api_client()?;
        let target = client.last.clone().expect("it was just said what is asked");
        let host = client.host.clone();
        let loses = std::mem::take(&mut client.loses_next);
        let answer = if loses {
            // The connection is there, and the request gets through; nothing comes back.
            let address = SocketAddrV4::new(floor.host().address(), WEB);
            let stream = host.connect(address).await;
            let stream = stream.map_err(|error| StepFailure::because(format!("the CRM can't connect: {error}")))?;
            let only = Only { protocol: Some(Protocol::Tcp), port: Some(WEB), ..Only::default() };
            let cut = universe.network().one_way(floor.host(), &host).cut_only(only);
            write_request(stream, &target, &universe).await?;
            universe.network().lift(cut);
            None
        } else {
            let url = format!("http://{}{target}", floor.host().address());
            let request = Request::get(url).body(Bytes::new());
            let request = request.map_err(|error| StepFailure::because(format!("this is no request: {error}")))?;
            let asked = host.clone();
            // The CRM asks: if its host dies, so does the request.
            let asking =
                host.spawn(async move { Client::new(&asked).send(request, Limits::new(ANSWER, ANSWER)).await });
            let reply = asking.await.ok().and_then(Result::ok);
            reply.map(|reply| String::from_utf8_lossy(reply.body()).into_owned())
        };
        self.api_client()?.answer = answer;
        self.universe.sleep(BREATH).await;
        Ok(())
    }

    /// The reply to the next request gets lost.
    pub(crate) async fn lose_next_api_reply(&mut self) -> StepResult {
        self.api_client()?.loses_next = true;
        Ok(())
    }

    /// A line of the answer begins so.
    pub(crate) async fn api_answers(&mut self, begins: &str, _: Option<Duration>) -> StepResult {
        let client = self.api_client()?;
        if client.last.is_none() {
            return Err(StepFailure::because("the CRM has called no API"));
        }
        let Some(answer) = &client.answer else {
            return Err(StepFailure::differs(format!("an answer with a line {begins:?}"), "no answer".to_owned()));
        };
        if answer.lines().any(|line| line.starts_with(begins)) {
            return Ok(());
        }
        Err(StepFailure::differs(format!("an answer with a line {begins:?}"), format!("{:?}", answer.trim_end())))
    }

    /// There was no answer.
    pub(crate) fn api_does_not_answer(&mut self) -> StepResult {
        let client = self.api_client()?;
        match (&client.last, &client.answer) {
            (None, _) => Err(StepFailure::because("the CRM has called no API")),
            (_, None) => Ok(()),
            (_, Some(answer)) => Err(StepFailure::differs("no answer".to_owned(), format!("{:?}", answer.trim_end()))),
        }
    }

    // --- polling -------------------------------------------------------------------------------------------------

    /// The CRM asks for a lead every so often.
    pub(crate) async fn add_poller(&mut self, lead: u64, every: Duration) -> StepResult {
        if every.is_zero() {
            return Err(StepFailure::because("a poller asks every so often: that can't be no time at all"));
        }
        self.lead(lead).await?;
        let floor = self.floor().await?;
        let outside = &mut self.center()?.outside;
        let Some(receiver) = outside.receivers.first() else {
            let why = "nobody learns anything by it: `Given a webhook receiver crm` puts a CRM there";
            return Err(StepFailure::because(why));
        };
        receiver.crm().polls(Poll {
            url: format!("http://{}{NON_AGENT}", floor.host().address()),
            user: API_USER.to_owned(),
            password: API_PASSWORD.to_owned(),
            lead_id: lead.to_string(),
            every,
        });
        outside.polled = Some(lead);
        Ok(())
    }

    /// The webhook was there before the poller knew.
    pub(crate) async fn webhook_was_first(&mut self) -> StepResult {
        let outside = &self.center()?.outside;
        let (Some(receiver), Some(lead)) = (outside.receivers.first(), outside.polled) else {
            return Err(StepFailure::because(
                "nobody polls: `Given a poller asks the Non-Agent API for lead 1001 every 5 seconds`",
            ));
        };
        let (crm, lead) = (receiver.crm().clone(), lead.to_string());
        let knew = |how: How| crm.first_knew(&lead, how);
        let universe = self.universe.clone();
        let both = wait_until(&universe, Some(Duration::from_secs(1)), || {
            knew(How::Webhook).is_some() && knew(How::Poller).is_some()
        });
        both.await;
        let cost = |how: How| format!("{} requests", crm.requests(how));
        let told = |how: How| match knew(how) {
            Some(at) => format!("at {at}, with {}", cost(how)),
            None => format!("not yet, with {}", cost(how)),
        };
        let seen = format!("the webhook told it {}; the poller {}", told(How::Webhook), told(How::Poller));
        self.universe.note("who-knew-first", |event| event.with("lead", lead.as_str()).with("seen", seen.as_str()));
        match (knew(How::Webhook), knew(How::Poller)) {
            (Some(webhook), Some(poller)) if webhook < poller => Ok(()),
            _ => Err(StepFailure::differs("the webhook to tell the CRM before the poller".to_owned(), seen)),
        }
    }
}

/// A word in a query.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Writes a request and waits for an answer that doesn't come.
async fn write_request(
    mut stream: busyhour::net::TcpStream,
    target: &str,
    universe: &busyhour::Universe,
) -> StepResult {
    use tokio::io::AsyncWriteExt as _;
    let text = format!("GET {target} HTTP/1.1\r\nHost: floor\r\nConnection: close\r\n\r\n");
    let written = stream.write_all(text.as_bytes()).await;
    written.map_err(|error| StepFailure::because(format!("the CRM can't send its request: {error}")))?;
    universe.sleep(ANSWER).await;
    Ok(())
}
