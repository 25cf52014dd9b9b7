//! A bare user agent on a host: what a phone and a server of ours are built on, driven line by line.

use std::time::Duration;

use busyhour::sip::transport::{Ports, Received, Transports};
use busyhour::sip::ua::{CallId, Event, Settings, UserAgent};
use busyhour::sip::{Flow, Message};
use busyhour::world::{Host, Random};
use tokio::select;

/// A user agent with its sockets.
pub struct Agent {
    host: Host,
    transports: Transports,
    /// The user agent. What it's told goes out with the next wait.
    pub ua: UserAgent,
}

impl Agent {
    /// One that listens on port 5060, for datagrams and connections.
    ///
    /// # Panics
    /// The port is taken.
    pub async fn open(host: &Host) -> Agent {
        let ports = Ports { udp: Some(5060), tcp: Some(5060), ..Ports::default() };
        let transports = Transports::open(host, ports).await.expect("the port is free");
        let random = host.random(|random| Random::stream(random.next_u64(), "sip"));
        let settings = Settings::at(format!("{}:5060", host.address()));
        Agent { host: host.clone(), transports, ua: UserAgent::new(settings, random) }
    }

    /// Waits for what happens next.
    pub async fn event(&mut self) -> Event {
        loop {
            if let Some(event) = self.ua.poll_event() {
                return event;
            }
            self.turn(None).await;
        }
    }

    /// Waits for an event that `wanted` recognises; others are passed over.
    pub async fn until<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(&self.event().await) {
                return found;
            }
        }
    }

    /// Waits until somebody calls.
    pub async fn rings(&mut self) -> (CallId, Message, Flow) {
        self.until(|event| match event {
            Event::Incoming { call, request, flow, .. } => Some((*call, request.clone(), *flow)),
            _ => None,
        })
        .await
    }

    /// Goes on living for a while; what happens is told afterwards.
    pub async fn linger(&mut self, duration: Duration) {
        let end = self.host.now() + duration;
        while self.host.now() < end {
            self.turn(Some(end.since(self.host.now()))).await;
        }
    }

    /// Sends what is to be sent and takes in one thing, or waits until it's time for something.
    async fn turn(&mut self, longest: Option<Duration>) {
        while let Some(transmit) = self.ua.poll_transmit() {
            self.transports.send(transmit);
        }
        let due = self.ua.poll_timeout().map(|due| due.since(self.host.now()));
        let wait = [due, longest].into_iter().flatten().min().unwrap_or(Duration::from_secs(3_600));
        select! {
            biased;
            received = self.transports.receive() => match received {
                Received::Message { message, flow } => self.ua.receive(self.host.now(), message, flow),
                Received::Broken { flow, .. } => self.ua.flow_failed(self.host.now(), flow),
                Received::Malformed { raw, error, .. } => panic!("malformed: {error}\n{}", raw.escape_ascii()),
                _ => {}
            },
            () = self.host.sleep(wait) => self.ua.handle_timeout(self.host.now()),
        }
    }
}
