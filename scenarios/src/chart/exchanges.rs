//! HTTP as arrows: what was asked and answered, which attempt it was, and what agents' screens were told.

use busyhour_trace::{HostId, Loss, SimTime};
use rustc_hash::FxHashMap;
use serde_json::Value;

use super::http::{CLIENT, Connection, Message, SERVER, Screen, Try, Web, What};
use super::{Arrow, Fate, Protocol};

/// What a screen showed, from then on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Showed {
    pub at: SimTime,
    pub user: String,
    pub host: Option<HostId>,
    pub status: String,
}

/// All arrows, and what agents' screens showed.
pub(super) fn drawn(web: &Web) -> (Vec<Arrow>, Vec<Showed>) {
    let mut drawing = Drawing::default();
    for (number, connection) in web.connections().iter().enumerate() {
        drawing.connection(number, connection);
    }
    drawing.count_attempts();
    drawing.name_screens();
    (drawing.arrows, drawing.showed)
}

/// What arrows are made of, request by request.
#[derive(Debug, Default)]
struct Drawing {
    arrows: Vec<Arrow>,
    showed: Vec<Showed>,
    asked: Vec<Asked>,
    /// Users by session.
    users: FxHashMap<String, String>,
}

/// A request: its arrow, who asked what of whom, and how it was answered.
#[derive(Debug)]
struct Asked {
    arrow: usize,
    sent: SimTime,
    protocol: Protocol,
    who: (Option<HostId>, Option<HostId>),
    key: u64,
    reply: Option<(u16, SimTime, Option<Loss>)>,
    screen: Option<(Screen, Vec<u8>, SimTime)>,
}

impl Drawing {
    fn connection(&mut self, number: usize, connection: &Connection) {
        let Connection { client, server, port, .. } = connection;
        let call = Some(number);
        if (!connection.is_up() || connection.knocks.len() > 1) && connection.is_http != Some(false) {
            for (index, knock) in connection.knocks.iter().enumerate() {
                let label = format!("TCP connect :{port}");
                self.arrows.push(Arrow {
                    repeated: index > 0,
                    ..Arrow::new(Protocol::Tcp, *client, *server, knock.sent, knock.fate, label, knock.packet)
                });
            }
        }
        if let Some(refusal) = connection.refusal {
            let label = "TCP refused".to_owned();
            let Try { sent, fate, packet } = refusal;
            self.arrows.push(Arrow::new(Protocol::Tcp, *server, *client, sent, fate, label, packet));
        }
        let mut first_arrows = Vec::new();
        for message in &connection.halves[CLIENT].messages {
            let What::Request { protocol, label, key, screen, reply } = &message.what else { continue };
            let arrow = self.arrows.len();
            first_arrows.push(arrow);
            self.tries(message, *protocol, (*client, *server), label, call);
            let reply = reply.and_then(|reply| connection.halves[SERVER].messages.get(reply));
            let told = reply.and_then(|reply| {
                let What::Reply { status, body, .. } = &reply.what else { return None };
                let arrived = reply.tries.iter().find_map(|carrier| match carrier.fate {
                    Fate::Arrived(at) => Some(at),
                    _ => None,
                });
                let lost = reply.tries.iter().find_map(|carrier| match carrier.fate {
                    Fate::Lost(loss) => Some(loss),
                    _ => None,
                });
                Some((*status, reply.tries.first()?.sent, lost.filter(|_| arrived.is_none()), body, arrived))
            });
            if reply.is_none() && connection.is_http == Some(true) {
                self.arrows[arrow..].iter_mut().for_each(|one| one.remarks.push("never answered".to_owned()));
            }
            self.asked.push(Asked {
                arrow,
                sent: message.tries.first().map_or(SimTime::ZERO, |first| first.sent),
                protocol: *protocol,
                who: (*client, *server),
                key: *key,
                reply: told.map(|(status, at, lost, ..)| (status, at, lost)),
                screen: screen
                    .clone()
                    .zip(told)
                    .and_then(|(screen, (.., body, arrived))| Some((screen, body.clone(), arrived?))),
            });
        }
        if let Some((side, Try { sent, fate, packet })) = connection.reset {
            let (from, to) = if side == CLIENT { (*client, *server) } else { (*server, *client) };
            let protocol = self.arrows.last().map_or(Protocol::Http, |last| last.protocol);
            let mut arrow = Arrow::new(protocol, from, to, sent, fate, "connection reset".to_owned(), packet);
            arrow.reply_to = if side == SERVER { first_arrows.last().copied() } else { None };
            self.arrows.push(arrow);
        }
        for message in &connection.halves[SERVER].messages {
            let What::Reply { protocol, status, reason, to, .. } = &message.what else { continue };
            let label = format!("{status} {reason}");
            let from = self.arrows.len();
            self.tries(message, *protocol, (*server, *client), label.trim_end(), call);
            let asked = first_arrows.get(*to).copied();
            self.arrows[from..].iter_mut().for_each(|arrow| arrow.reply_to = asked);
        }
    }

    /// Draws every try of a message.
    fn tries(
        &mut self,
        message: &Message,
        protocol: Protocol,
        (from, to): (Option<HostId>, Option<HostId>),
        label: &str,
        call: Option<usize>,
    ) {
        for (index, one) in message.tries.iter().enumerate() {
            let mut arrow = Arrow::new(protocol, from, to, one.sent, one.fate, label.to_owned(), one.packet);
            (arrow.repeated, arrow.by_tcp) = (index > 0, index > 0);
            arrow.call = call;
            arrow.text.clone_from(&message.text);
            if index == 0 && !message.lost.is_empty() {
                arrow.remarks.push(format!("{} of its packets lost: {}", message.lost.len(), message.lost[0]));
            }
            self.arrows.push(arrow);
        }
    }

    /// The same told by the same to the same is another attempt, and of interest if one before it was taken.
    fn count_attempts(&mut self) {
        self.asked.sort_by_key(|asked| asked.sent);
        let mut attempts: FxHashMap<_, Vec<usize>> = FxHashMap::default();
        for (index, asked) in self.asked.iter().enumerate().filter(|(_, asked)| asked.protocol == Protocol::Webhook) {
            let before = attempts.entry((asked.who, asked.key)).or_default();
            if !before.is_empty() {
                let Some(arrow) = self.arrows.get_mut(asked.arrow) else { continue };
                arrow.remarks.push(format!("attempt {}", before.len() + 1));
                let taken = before.iter().find_map(|earlier| {
                    let (status, at, lost) = self.asked[*earlier].reply?;
                    ((200..300).contains(&status) && at <= asked.sent).then_some((status, lost))
                });
                if let Some((status, lost)) = taken {
                    let lost = if lost.is_some() { ", and the answer was lost" } else { "" };
                    arrow.remarks.push(format!("a duplicate: answered {status} before{lost}"));
                }
                arrow.repeated = true;
            }
            before.push(index);
        }
    }

    /// What screens show: whose they are is known by their login.
    fn name_screens(&mut self) {
        let mut told: Vec<(Screen, Vec<u8>, SimTime, Option<HostId>)> = Vec::new();
        for asked in &mut self.asked {
            if let Some((screen, body, at)) = asked.screen.take() {
                told.push((screen, body, at, asked.who.0));
            }
        }
        told.sort_by_key(|(_, _, at, _)| *at);
        for (screen, body, at, host) in told {
            let Ok(json) = serde_json::from_slice::<Value>(&body) else { continue };
            let text = |name: &str| json.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let begun = text("session_name");
            if !begun.is_empty() && !screen.user.is_empty() {
                self.users.insert(begun.clone(), screen.user.clone());
            }
            let session = if begun.is_empty() { screen.session } else { begun };
            let user = self.users.get(&session).cloned().unwrap_or(screen.user);
            let (status, sub, customer) = (text("status"), text("sub_status"), text("customer"));
            let status = match (status.as_str(), sub.as_str(), text("session").as_str()) {
                (_, _, "disabled") => "LOGGED OUT".to_owned(),
                ("", ..) => continue,
                (status, "", _) if status == "INCALL" && customer == "DIALING" => "DIALING".to_owned(),
                (status, "", _) => status.to_owned(),
                (_, sub, _) => sub.to_owned(),
            };
            self.showed.push(Showed { at, user, host, status });
        }
    }
}
