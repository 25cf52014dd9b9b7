//! Finding a pair that works: rtc-ice's agent, used for that alone.
//!
//! Its own idea of liveness counts any STUN of the peer as life, and with failure it forgets its candidates, so its
//! timeouts are off and it's dropped once a pair is selected; [`consent`](super::consent) goes on from there. A lite end
//! has no agent at all: rtc-ice's lite mode sends checks, and takes no nomination without their answers.

use super::stun::Credentials;
use super::transport::Datagram;
use super::{Candidate, CandidateKind, Clock};
use crate::trace::SimTime;
use bytes::BytesMut;
use rtc_crypto::RTCCryptoProvider;
use rtc_ice::candidate::candidate_host::CandidateHostConfig;
use rtc_ice::candidate::candidate_peer_reflexive::CandidatePeerReflexiveConfig;
use rtc_ice::candidate::candidate_relay::CandidateRelayConfig;
use rtc_ice::candidate::candidate_server_reflexive::CandidateServerReflexiveConfig;
use rtc_ice::candidate::{Candidate as AgentCandidate, CandidateConfig};
use rtc_ice::mdns::MulticastDnsMode;
use rtc_ice::{Agent, AgentConfig};
use rtc_shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use sansio::Protocol as _;
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

/// Pairs are checked again so often, each with its own answer to win: 200 ms apart, that's longer than anybody waits.
/// rtc-ice gives a pair up after 7 by default, which 30% loss eats too often.
const ATTEMPTS: u16 = 1000;

/// A relayed pair is taken when a better one has had so long. rtc-ice's default of 2 s leaves callers without media
/// for longer than browsers do.
const RELAY_WAIT: Duration = Duration::from_millis(1000);

/// An agent that looks for a pair.
pub(super) struct Finder {
    agent: Box<Agent>,
    clock: Clock,
    due: Option<SimTime>,
}

/// What an agent found: the base that's sent from, and the peer's address.
pub(super) type Found = (SocketAddrV4, SocketAddrV4);

impl Finder {
    /// None: the agent doesn't like the credentials, and never will.
    pub fn new(
        clock: Clock,
        now: SimTime,
        provider: Arc<dyn RTCCryptoProvider>,
        controlling: bool,
        local: &Credentials,
    ) -> Option<Finder> {
        let config = AgentConfig {
            local_ufrag: local.ufrag.clone(),
            local_pwd: local.pwd.clone(),
            is_controlling: controlling,
            multicast_dns_mode: MulticastDnsMode::Disabled,
            disconnected_timeout: Some(Duration::ZERO),
            failed_timeout: Some(Duration::ZERO),
            keepalive_interval: Some(Duration::ZERO),
            max_binding_requests: Some(ATTEMPTS),
            relay_acceptance_min_wait: Some(RELAY_WAIT),
            ..AgentConfig::default()
        };
        let agent = Agent::new(clock.instant(now), Arc::new(config), provider).ok()?;
        Some(Finder { agent: Box::new(agent), clock, due: None })
    }

    /// Checks begin.
    pub fn start(&mut self, now: SimTime, controlling: bool, remote: &Credentials) {
        // It fails for empty credentials alone; without a peer that can be asked nothing will be found.
        let now = self.clock.instant(now);
        let _ = self.agent.start_connectivity_checks(now, controlling, remote.ufrag.clone(), remote.pwd.clone());
    }

    pub fn add_local(&mut self, candidate: &Candidate) {
        if let Some(candidate) = translated(candidate) {
            let _ = self.agent.add_local_candidate(candidate);
        }
    }

    pub fn add_remote(&mut self, candidate: &Candidate) {
        if let Some(candidate) = translated(candidate) {
            let _ = self.agent.add_remote_candidate(candidate);
        }
    }

    /// Takes a STUN message. What the agent doesn't like it ignores, and so do we.
    pub fn handle(&mut self, now: SimTime, local: SocketAddrV4, from: SocketAddrV4, datagram: &[u8]) {
        let transport = TransportContext {
            local_addr: SocketAddr::V4(local),
            peer_addr: SocketAddr::V4(from),
            transport_protocol: TransportProtocol::UDP,
            ecn: None,
        };
        let message = BytesMut::from(datagram);
        let _ = self.agent.handle_read(TaggedBytesMut { now: self.clock.instant(now), transport, message });
    }

    /// Does what is due, and says what is to be sent. Some: a pair was selected.
    pub fn drive(&mut self, now: SimTime, mut send: impl FnMut(Datagram)) -> Option<Found> {
        let instant = self.clock.instant(now);
        if self.agent.poll_timeout().is_some_and(|due| due <= instant) {
            let _ = self.agent.handle_timeout(instant);
        }
        while self.agent.poll_event().is_some() {}
        while let Some(out) = self.agent.poll_write() {
            if let (SocketAddr::V4(local), SocketAddr::V4(to)) = (out.transport.local_addr, out.transport.peer_addr) {
                send(Datagram { local, to, payload: out.message.freeze() });
            }
        }
        self.due = self.agent.poll_timeout().map(|due| self.clock.time(due));
        let (local, remote) = self.agent.get_selected_candidate_pair()?;
        match (local.base_addr(), remote.addr()) {
            (SocketAddr::V4(local), SocketAddr::V4(remote)) => Some((local, remote)),
            _ => None,
        }
    }

    pub fn due(&self) -> Option<SimTime> {
        self.due
    }
}

/// A candidate as the agent knows it. Names and TCP it needn't know.
fn translated(candidate: &Candidate) -> Option<AgentCandidate> {
    let address = candidate.ip()?;
    let base_config = CandidateConfig {
        network: "udp".to_owned(),
        address: address.ip().to_string(),
        port: address.port(),
        component: u16::from(candidate.component),
        priority: candidate.priority,
        foundation: candidate.foundation.clone(),
        // Named, so that no random name is made for it.
        candidate_id: format!("candidate:{}", candidate.foundation),
    };
    let related = candidate.related.unwrap_or(address);
    let (rel_addr, rel_port) = (related.ip().to_string(), related.port());
    match candidate.kind {
        CandidateKind::Host => CandidateHostConfig { base_config, ..Default::default() }.new_candidate_host(),
        CandidateKind::ServerReflexive => CandidateServerReflexiveConfig { base_config, rel_addr, rel_port, url: None }
            .new_candidate_server_reflexive(),
        CandidateKind::PeerReflexive => {
            CandidatePeerReflexiveConfig { base_config, rel_addr, rel_port }.new_candidate_peer_reflexive()
        }
        CandidateKind::Relay => {
            CandidateRelayConfig { base_config, rel_addr, rel_port, url: None }.new_candidate_relay()
        }
    }
    .ok()
}
