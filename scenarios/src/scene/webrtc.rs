//! Which way media takes, and whether others can read it: judged on the wire's packets.

use std::net::SocketAddrV4;
use std::sync::MutexGuard;
use std::time::Duration;

use busyhour::media::cadence;
use busyhour::media::turn::{StunTurnServer, TurnAccount, TurnSettings, TurnTransport};
use busyhour::media::webrtc::Reach;
use busyhour::net::Only;
use busyhour::net::packet::Protocol;
use busyhour::world::Host;

use super::center::{Agent, Center, WEB_SOCKET};
use super::{LOOK_AGAIN, Scene, wait_until};
use crate::argument::{self, CandidateName, Route};
use crate::phrase::{StepFailure, StepResult};
use crate::wiretap::{Media, SharedWiretap, Wiretap};

/// The host of the STUN and TURN server.
pub(crate) const TURN_SERVER: &str = "turn-server";
/// Who is asked for a password there.
const REALM: &str = "turn.test";
/// A check of media looks at a second of it.
const LISTEN: Duration = Duration::from_secs(1);
/// How often it begins to look at another second.
const STEP: Duration = Duration::from_millis(100);

/// Which way an agent's media takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MediaWay {
    /// To the other end.
    Direct,
    /// To a TURN server, and from there.
    Relayed,
}

/// What was seen of an agent's media so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    direct: [Media; 2],
    relayed: [Media; 2],
}

impl Seen {
    fn of(wiretap: &Wiretap, hosts: &[busyhour::trace::HostId]) -> Seen {
        let both = |wrapped| [wiretap.sent_by(hosts, wrapped), wiretap.sent_to(hosts, wrapped)];
        Seen { direct: both(false), relayed: both(true) }
    }

    /// Packets that arrived since, there and back: straight, and by a relay.
    fn since(&self, earlier: &Seen) -> ([u64; 2], [u64; 2]) {
        let more = |now: [Media; 2], then: [Media; 2]| [0, 1].map(|way| now[way].arrived - then[way].arrived);
        (more(self.direct, earlier.direct), more(self.relayed, earlier.relayed))
    }
}

fn listen(wiretap: &SharedWiretap) -> MutexGuard<'_, Wiretap> {
    wiretap.lock().expect("no tap panics")
}

fn ids(hosts: &[Host]) -> Vec<busyhour::trace::HostId> {
    hosts.iter().map(Host::id).collect()
}

impl Center {
    // --- the STUN and TURN server ----------------------------------------------------------------------------------

    /// Nobody is given a TURN server.
    pub(crate) fn has_no_turn_server(&mut self) -> StepResult {
        if self.turn.is_some() {
            return Err(StepFailure::because("there is a TURN server already: somebody has spoken of it before"));
        }
        self.without_turn = true;
        Ok(())
    }

    /// The host of the TURN server, which is there as soon as somebody speaks of it.
    pub(crate) fn turn_host(&mut self) -> Result<Host, StepFailure> {
        if self.without_turn {
            return Err(StepFailure::because("there is no TURN server here: an earlier step says so"));
        }
        if self.turn.is_none() {
            let host = self.universe.try_host(TURN_SERVER).map_err(|error| StepFailure::because(error.to_string()))?;
            let program = StunTurnServer::install(&host, TurnSettings::new(REALM));
            self.turn = Some(program);
        }
        Ok(self.turn.as_ref().expect("it was just installed").host().clone())
    }

    /// Where the TURN server listens, if there is one.
    pub(super) fn turn_address(&self) -> Option<SocketAddrV4> {
        self.turn.as_ref().map(StunTurnServer::address)
    }

    /// All that was said of ways for media is so from here on. Everybody who could be at the other end is known by now.
    pub(super) fn arrange_ways(&mut self) -> StepResult {
        self.name_standbys();
        self.give_reach()?;
        for (name, but) in std::mem::take(&mut self.firewalls) {
            cadence::under_fault();
            let inside = self.hosts_of(&name).unwrap_or_default();
            let is_in = |host: &Host, among: &[Host]| among.iter().any(|one| one.id() == host.id());
            let mut outside = self.everybodys_hosts();
            outside.extend(self.turn.iter().map(|turn| turn.host().clone()));
            outside.retain(|host| !is_in(host, &inside) && !is_in(host, &but));
            let all = self.universe.network().between_groups(&inside, &outside);
            all.cut_only(Only { protocol: Some(Protocol::Udp), ..Only::default() });
        }
        Ok(())
    }

    /// Pages that are loaded from now on know which servers take over.
    fn name_standbys(&self) {
        let standbys = self.standbys();
        if standbys.is_empty() {
            return;
        }
        let devices = self.agents.iter().flat_map(|agent| &agent.devices);
        let urls: Vec<String> = standbys.iter().map(|address| format!("ws://{address}:{WEB_SOCKET}/")).collect();
        devices.for_each(|device| device.phone.provision_page(|settings| settings.standbys.clone_from(&urls)));
    }

    /// Webphones behind a NAT are given a STUN and TURN server, and so is everybody when there is one: with the
    /// configuration that their page has when it's loaded next.
    fn give_reach(&mut self) -> StepResult {
        let behind_nat = |agent: &Agent| agent.nat.is_some() && agent.devices.iter().any(|one| one.browser.is_some());
        if !self.without_turn && self.turn.is_none() && self.agents.iter().any(behind_nat) {
            self.turn_host()?;
        }
        let Some(turn) = self.turn.clone() else { return Ok(()) };
        for index in 0..self.agents.len() {
            if !self.agents[index].turn_password.is_empty()
                || self.agents[index].devices.iter().all(|one| one.browser.is_none())
            {
                continue;
            }
            let password = format!("turn-{:016x}", self.random.next_u64());
            let agent = &mut self.agents[index];
            turn.change(|settings| {
                settings.users.insert(agent.name.clone(), password.clone());
            });
            agent.turn_password = password;
        }
        for agent in &self.agents {
            for device in agent.devices.iter().filter(|device| device.browser.is_some()) {
                let reach = reach(agent, turn.address());
                device.phone.provision_page(|settings| settings.rtc.reach = reach);
            }
        }
        Ok(())
    }
}

/// What a page is told of STUN and TURN.
pub(super) fn reach(agent: &Agent, server: SocketAddrV4) -> Reach {
    let password = if agent.turn_password_is_wrong { "expired".to_owned() } else { agent.turn_password.clone() };
    let account = |transport| TurnAccount { server, transport, user: agent.name.clone(), password: password.clone() };
    Reach { stun: Some(server), turn: [TurnTransport::Udp, TurnTransport::Tcp].map(account).into(), ..Reach::default() }
}

impl Scene {
    /// The wiretap of the universe that the scenario plays in.
    pub(super) fn wiretap(&self) -> Result<SharedWiretap, StepFailure> {
        self.wiretap.clone().ok_or_else(|| StepFailure::because("this step looks at packets, and nobody taps the wire"))
    }

    // --- firewalls -------------------------------------------------------------------------------------------------

    /// A firewall stops all datagrams of these agents but those to a TURN server.
    pub(crate) fn only_turn_reaches(&mut self, who: &argument::Agent) -> StepResult {
        let turn = self.center()?.turn_host()?;
        self.block_datagrams(who, &[turn])
    }

    /// A firewall stops all datagrams of these agents.
    pub(crate) fn blocks_udp(&mut self, who: &argument::Agent) -> StepResult {
        let center = self.center()?;
        if !center.without_turn {
            center.turn_host()?;
        }
        self.block_datagrams(who, &[])
    }

    fn block_datagrams(&mut self, who: &argument::Agent, but: &[Host]) -> StepResult {
        for name in self.names_of(who)? {
            self.center()?.firewalls.push((name, but.to_vec()));
        }
        Ok(())
    }

    /// What these agents' pages take for their password is refused by the TURN server.
    pub(crate) fn turn_password_is_wrong(&mut self, who: &argument::Agent) -> StepResult {
        let center = self.center()?;
        center.turn_host()?;
        for name in self.names_of(who)? {
            let center = self.center()?;
            center
                .agents
                .iter_mut()
                .filter(|agent| agent.name == name)
                .for_each(|agent| agent.turn_password_is_wrong = true);
        }
        Ok(())
    }

    // --- what is seen of media -------------------------------------------------------------------------------------

    /// All media between two parties is encrypted, and there is some.
    pub(crate) async fn is_encrypted(&mut self, route: &Route, within: Option<Duration>) -> StepResult {
        let (one, other, both) = match route {
            Route::Between(one, other) => (one, other, true),
            Route::From(one, other) => (one, other, false),
        };
        let (from, to) = (ids(&self.hosts(one)?), ids(&self.hosts(other)?));
        // What is wrapped for a relay is on its way to the other end all the same.
        let relay: Vec<_> = self.center()?.turn.iter().map(|turn| turn.host().id()).collect();
        let wiretap = self.wiretap()?;
        let ways = || {
            let wiretap = listen(&wiretap);
            let way = |from: &[_], to: &[_]| {
                let wrapped = [wiretap.between(from, &relay, true), wiretap.between(&relay, to, true)];
                wrapped.into_iter().fold(wiretap.between(from, to, false), |sum, one| sum.and(one))
            };
            let there = way(&from, &to);
            if both { vec![there, way(&to, &from)] } else { vec![there] }
        };
        let within = within.unwrap_or(LISTEN).max(LISTEN);
        cadence::attend(self.universe.now() + within + LISTEN);
        let judged = || ways().iter().any(|way| way.open > 0) || ways().iter().all(|way| way.sealed > 0);
        wait_until(&self.universe, Some(within), judged).await;
        let ways = ways();
        let (open, sealed): (u64, u64) =
            (ways.iter().map(|way| way.open).sum(), ways.iter().map(|way| way.sealed).sum());
        let wanted = || format!("encrypted media {route}");
        if open > 0 {
            let seen = format!("{open} of {} packets that no key of a handshake opens", open + sealed);
            return Err(StepFailure::differs(wanted(), seen));
        }
        match ways.iter().filter(|way| way.sealed == 0).count() {
            0 => Ok(()),
            silent if silent < ways.len() => Err(StepFailure::differs(wanted(), "media one way only")),
            _ => Err(StepFailure::differs(wanted(), "no media at all")),
        }
    }

    /// For a second the media of these agents takes that way, and no other.
    pub(crate) async fn takes_way(
        &mut self,
        who: &argument::Agent,
        way: MediaWay,
        within: Option<Duration>,
    ) -> StepResult {
        if way == MediaWay::Relayed {
            self.center()?.turn_host()?;
        }
        let agents = self.agents(who)?;
        let wiretap = self.wiretap()?;
        let look = |hosts: &[busyhour::trace::HostId]| Seen::of(&listen(&wiretap), hosts);
        let within = within.unwrap_or(LISTEN).max(LISTEN);
        let deadline = self.universe.now() + within;
        cadence::attend(deadline + LISTEN);
        for agent in agents {
            let hosts: Vec<_> = agent.devices.iter().map(|device| device.host.id()).collect();
            // What was seen a second ago, and at each step since.
            let mut looks = std::collections::VecDeque::from([look(&hosts)]);
            loop {
                self.universe.sleep(STEP).await;
                looks.push_back(look(&hosts));
                let steps = usize::try_from(LISTEN.as_millis() / STEP.as_millis()).unwrap_or(1);
                while looks.len() > steps + 1 {
                    looks.pop_front();
                }
                let (direct, relayed) = looks[looks.len() - 1].since(&looks[0]);
                let whole = looks.len() > steps;
                let (taken, other) = match way {
                    MediaWay::Direct => (direct, relayed),
                    MediaWay::Relayed => (relayed, direct),
                };
                if whole && taken.iter().all(|packets| *packets > 0) && other == [0, 0] {
                    break;
                }
                if self.universe.now() >= deadline {
                    let wanted = match way {
                        MediaWay::Direct => {
                            format!("a second in which {}'s media goes straight, both ways", agent.name)
                        }
                        MediaWay::Relayed => {
                            format!("a second in which {}'s media goes through the TURN relay, both ways", agent.name)
                        }
                    };
                    let seen = format!(
                        "in the last second {} packets straight from her and {} to her, {} and {} by the relay",
                        direct[0], direct[1], relayed[0], relayed[1]
                    );
                    return Err(StepFailure::differs(wanted, seen));
                }
            }
        }
        Ok(())
    }

    /// The media of these agents begins at a candidate of that kind: by the address from which it arrived last.
    pub(crate) async fn uses_candidate(
        &mut self,
        who: &argument::Agent,
        kind: CandidateName,
        within: Option<Duration>,
    ) -> StepResult {
        let wiretap = self.wiretap()?;
        let deadline = self.universe.now() + within.unwrap_or(Duration::ZERO);
        for agent in self.agents(who)? {
            loop {
                let of_host = |host: &Host| listen(&wiretap).candidate(host.id(), host.address());
                let chosen = agent.devices.iter().find_map(|device| of_host(&device.host));
                if chosen == Some(kind) {
                    break;
                }
                if self.universe.now() >= deadline {
                    let wanted = format!("a {kind} candidate of {}'s", agent.name);
                    let seen = chosen
                        .map_or_else(|| format!("no media of hers, and {}", agent.seen()), |kind| kind.to_string());
                    return Err(StepFailure::differs(wanted, seen));
                }
                self.universe.sleep(LOOK_AGAIN.min(deadline.since(self.universe.now()))).await;
            }
        }
        Ok(())
    }
}
