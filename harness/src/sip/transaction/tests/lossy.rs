//! A client and a server with a network between that loses, repeats and reorders: as properties.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::sip::transaction::Timers;

/// What becomes of one datagram.
#[derive(Debug, Clone, Copy)]
enum Way {
    Lost,
    Arrives(u16),
    /// And once more, so much later.
    Twice(u16, u16),
}

/// At most so many milliseconds on the way.
fn way(longest: u16) -> impl Strategy<Value = Way> {
    prop_oneof![
        3 => Just(Way::Lost),
        3 => (0..longest).prop_map(Way::Arrives),
        2 => (0..longest / 2, 0..longest / 2).prop_map(|(first, second)| Way::Twice(first, second)),
    ]
}

/// One request, and how the server's user answers it.
#[derive(Debug, Clone, Copy)]
struct Plan {
    invite: bool,
    begins: u16,
    rings_after: Option<u16>,
    answers_after: u16,
    status: u16,
}

fn plan(longest_thought: u16) -> impl Strategy<Value = Plan> {
    let status = prop_oneof![Just(200u16), Just(486u16), Just(302u16)];
    (any::<bool>(), 0u16..5_000, prop::option::of(0u16..1_000), 0..longest_thought, status).prop_map(
        |(invite, begins, rings_after, answers_after, status)| Plan {
            invite,
            begins,
            rings_after,
            answers_after,
            status,
        },
    )
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Client,
    Server,
}

enum Happens {
    Begin(usize),
    Arrival(End, Message),
    /// The server's user answers so.
    Answer(usize, u16),
    /// It repeats its 2xx, having waited that long before.
    Accept(usize, Duration),
}

/// How it ended.
#[derive(Debug, Default)]
struct Ending {
    /// What the client's user heard, in order.
    finals: Vec<u16>,
    provisionals: usize,
    timed_out: usize,
    /// What the server's user heard.
    requests: usize,
    acks: usize,
    acks_missing: usize,
}

struct World<'a> {
    plans: &'a [Plan],
    ways: &'a [Way],
    /// From then on each datagram arrives, after 50 ms.
    heals: Duration,
    next_way: usize,
    agenda: BTreeMap<(SimTime, u64), Happens>,
    number: u64,
    client: Transactions,
    server: Transactions,
    ids: BTreeMap<ClientId, usize>,
    asked: Vec<Option<(ServerId, Message)>>,
    acknowledged: Vec<bool>,
    endings: Vec<Ending>,
}

fn index_of(message: &Message) -> usize {
    message.call_id().unwrap().parse().unwrap()
}

impl World<'_> {
    fn plan(&mut self, when: SimTime, what: Happens) {
        self.number += 1;
        self.agenda.insert((when, self.number), what);
    }

    /// Lets everything happen until nothing more does.
    fn live(&mut self) {
        for index in 0..self.plans.len() {
            self.plan(at(millis(self.plans[index].begins.into())), Happens::Begin(index));
        }
        let mut now = SimTime::ZERO;
        for _ in 0..100_000 {
            self.settle(now);
            let agenda = self.agenda.first_key_value().map(|((when, _), _)| *when);
            let timeouts = [self.client.poll_timeout(), self.server.poll_timeout()];
            let Some(next) = timeouts.into_iter().chain([agenda]).flatten().min() else { return };
            assert!(next >= now, "nothing is due in the past");
            now = next;
            if agenda == Some(next) {
                let (_, happens) = self.agenda.pop_first().unwrap();
                self.happen(now, happens);
            } else {
                self.client.handle_timeout(now);
                self.server.handle_timeout(now);
            }
        }
        panic!("it never ends");
    }

    fn happen(&mut self, now: SimTime, happens: Happens) {
        match happens {
            Happens::Begin(index) => {
                let method = if self.plans[index].invite { Method::Invite } else { Method::Options };
                let writer = Writer::request(method, "sip:bob@10.0.0.9")
                    .header(Name::Via, format_args!("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK-{index}"))
                    .header(Name::From, "<sip:alice@pbx.test>;tag=a1")
                    .header(Name::To, "<sip:bob@pbx.test>")
                    .header(Name::CallId, index)
                    .header(Name::CSeq, format_args!("1 {}", method.as_str()));
                let request = Message::read(writer.end()).unwrap();
                let id = self.client.request(now, request, Flow::udp(place(9, 5060)));
                self.ids.insert(id, index);
            }
            Happens::Arrival(End::Client, message) => self.client.receive(now, message, Flow::udp(place(9, 5060))),
            Happens::Arrival(End::Server, message) => self.server.receive(now, message, Flow::udp(place(1, 5060))),
            Happens::Answer(index, status) => {
                let (server, request) = self.asked[index].clone().unwrap();
                self.server.respond(now, server, answer(&request, status));
                if self.plans[index].invite && status == 200 {
                    self.plan(now + T1, Happens::Accept(index, T1));
                }
            }
            Happens::Accept(index, waited) => {
                // Section 13.3.1.4: it's for the user to repeat a 2xx, until its ACK comes.
                if !self.acknowledged[index] {
                    let (server, request) = self.asked[index].clone().unwrap();
                    self.server.respond(now, server, answer(&request, 200));
                    let next = (2 * waited).min(T2);
                    if waited < PATIENCE && self.endings[index].acks_missing == 0 && now < at(PATIENCE * 4) {
                        self.plan(now + next, Happens::Accept(index, next));
                    }
                }
            }
        }
    }

    fn settle(&mut self, now: SimTime) {
        loop {
            let mut quiet = true;
            for from in [End::Client, End::Server] {
                let transactions = if from == End::Client { &mut self.client } else { &mut self.server };
                let Some(transmit) = transactions.poll_transmit() else { continue };
                quiet = false;
                let to = if from == End::Client { End::Server } else { End::Client };
                self.carry(now, to, Message::read(transmit.payload).unwrap());
            }
            if let Some(event) = self.client.poll_event() {
                quiet = false;
                self.client_hears(event);
            }
            if let Some(event) = self.server.poll_event() {
                quiet = false;
                self.server_hears(now, event);
            }
            if quiet {
                return;
            }
        }
    }

    fn carry(&mut self, now: SimTime, to: End, message: Message) {
        if now >= at(self.heals) {
            return self.plan(now + millis(50), Happens::Arrival(to, message));
        }
        let way = self.ways[self.next_way % self.ways.len()];
        self.next_way += 1;
        match way {
            Way::Lost => {}
            Way::Arrives(after) => self.plan(now + millis(after.into()), Happens::Arrival(to, message)),
            Way::Twice(after, later) => {
                self.plan(now + millis(after.into()), Happens::Arrival(to, message.clone()));
                self.plan(now + millis(after.into()) + millis(later.into()), Happens::Arrival(to, message));
            }
        }
    }

    fn client_hears(&mut self, event: TransactionEvent) {
        match event {
            TransactionEvent::Response { client, response, .. } => {
                let ending = &mut self.endings[self.ids[&client]];
                let status = response.status().unwrap();
                if status < 200 {
                    assert!(ending.finals.is_empty() && ending.timed_out == 0, "nothing provisional behind the end");
                    ending.provisionals += 1;
                    return;
                }
                assert_eq!(ending.timed_out, 0, "an answer behind the end");
                ending.finals.push(status);
                if response.method() == Method::Invite && status == 200 {
                    let index = index_of(&response);
                    let ack = Writer::request(Method::Ack, "sip:bob@10.0.0.9")
                        .header(Name::Via, format_args!("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK-{index}-ack"))
                        .header(Name::From, "<sip:alice@pbx.test>;tag=a1")
                        .header(Name::To, "<sip:bob@pbx.test>;tag=b1")
                        .header(Name::CallId, index)
                        .header(Name::CSeq, "1 ACK");
                    self.client.send(ack.end(), Flow::udp(place(9, 5060)));
                }
            }
            TransactionEvent::TimedOut { client } => self.endings[self.ids[&client]].timed_out += 1,
            // The server's last word, when the client has given up.
            TransactionEvent::Stray { .. } => {}
            other => panic!("a client hears no {other:?}"),
        }
    }

    fn server_hears(&mut self, now: SimTime, event: TransactionEvent) {
        match event {
            TransactionEvent::Request { server, request, .. } => {
                let index = index_of(&request);
                self.endings[index].requests += 1;
                self.asked[index] = Some((server, request));
                let Plan { rings_after, answers_after, status, .. } = self.plans[index];
                if let Some(after) = rings_after {
                    self.plan(now + millis(after.into()), Happens::Answer(index, 180));
                }
                self.plan(now + millis(answers_after.into()), Happens::Answer(index, status));
            }
            TransactionEvent::Ack { request, .. } => {
                let index = index_of(&request);
                self.endings[index].acks += 1;
                self.acknowledged[index] = true;
            }
            TransactionEvent::AckMissing { server } => {
                let asked = |one: &Option<(ServerId, Message)>| one.as_ref().is_some_and(|(id, _)| *id == server);
                let index = self.asked.iter().position(asked).unwrap();
                self.endings[index].acks_missing += 1;
            }
            other => panic!("a server hears no {other:?}"),
        }
    }
}

fn live(plans: &[Plan], ways: &[Way], heals: Duration) -> Vec<Ending> {
    let mut world = World {
        plans,
        ways,
        heals,
        next_way: 0,
        agenda: BTreeMap::new(),
        number: 0,
        client: Transactions::new(Timers::default()),
        server: Transactions::new(Timers::default()),
        ids: BTreeMap::new(),
        asked: vec![None; plans.len()],
        acknowledged: vec![false; plans.len()],
        endings: plans.iter().map(|_| Ending::default()).collect(),
    };
    world.live();
    assert_eq!((world.client.live(), world.server.live()), (0, 0), "nothing is left");
    world.endings
}

const FOR_EVER: Duration = Duration::from_secs(1_000_000);

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the network does, everything ends, and each user hears one ending. The last repetition leaves half a
    /// second before the client gives up, and the server may have forgotten by then what it answered at once: one that
    /// were longer on the way would be a new request, by RFC 3261's own timers.
    #[test]
    fn everything_ends_on_any_network(
        plans in prop::collection::vec(plan(60_000), 1..6),
        ways in prop::collection::vec(way(490), 1..80),
    ) {
        for (plan, ending) in plans.iter().zip(live(&plans, &ways, FOR_EVER)) {
            prop_assert!(ending.requests <= 1, "a request is told once: {ending:?}");
            let accepts = plan.invite && plan.status == 200;
            if accepts {
                prop_assert!(ending.timed_out + usize::from(!ending.finals.is_empty()) == 1, "{ending:?}");
            } else {
                prop_assert_eq!(ending.timed_out + ending.finals.len(), 1, "{:?}", ending);
                prop_assert!(ending.acks_missing <= 1);
            }
            prop_assert!(ending.finals.iter().all(|status| *status == plan.status));
            prop_assert!(ending.requests == 1 || ending.finals.is_empty());
        }
    }

    /// If the network heals within ten seconds, both sides end in the same place. A message and its answer stay under
    /// T4 together, as RFC 3261 supposes.
    #[test]
    fn both_sides_agree_once_the_network_has_healed(
        plans in prop::collection::vec(plan(5_000), 1..6),
        ways in prop::collection::vec(way(2_000), 1..80),
    ) {
        for (plan, ending) in plans.iter().zip(live(&plans, &ways, Duration::from_secs(10))) {
            prop_assert_eq!((ending.requests, ending.timed_out, ending.acks_missing), (1, 0, 0), "{:?}", ending);
            if plan.invite && plan.status == 200 {
                prop_assert!(!ending.finals.is_empty() && ending.acks > 0, "{ending:?}");
            } else {
                prop_assert_eq!(&ending.finals[..], &[plan.status][..]);
            }
        }
    }

    /// Without a network nobody is asked, and everybody learns of it.
    #[test]
    fn nobody_there_is_a_time_out(plans in prop::collection::vec(plan(5_000), 1..6)) {
        for ending in live(&plans, &[Way::Lost], FOR_EVER) {
            prop_assert_eq!((ending.requests, ending.timed_out, ending.finals.len()), (0, 1, 0));
        }
    }
}
