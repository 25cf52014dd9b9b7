//! Nobody complains of those who do what's right, whatever buttons are pressed and however bad the world is.
//!
//! Everything is drawn from the seed: who does what, when the network loses, reorders, cuts and forgets, and who loses
//! power. `BUSYHOUR_SOAK=200` lives through as many universes.

use std::time::Duration;

use busyhour::Universe;
use busyhour::net::NatHandle;
use busyhour::net::nat::NatKind;
use busyhour::phone::{Model, Phone};
use busyhour::sip::Transport;
use busyhour::trace::SimTime;
use busyhour::world::{FaultId, Host, Power, Random};

use crate::stage::{Cast, NUMBER, Stage, complaints, judged};

/// How long things happen, and how long everything has to come to its end then.
const LONG: Duration = Duration::from_secs(90);
const REST: u64 = 50;

/// What will be over, and when.
enum Trouble {
    Cut(FaultId),
    Power(Host),
    Sleep(Host),
}

struct Soak {
    stage: Stage,
    random: Random,
    nat: Option<NatHandle>,
    troubles: Vec<(SimTime, Trouble)>,
}

fn pick<'a, T>(random: &mut Random, among: &'a [T]) -> &'a T {
    &among[random.below(among.len() as u64) as usize]
}

async fn a_troubled_day(u: Universe) {
    let mut random = u.random("trouble");
    let mut cast = Cast::healthy();
    for phone in [&mut cast.alice, &mut cast.bob, &mut cast.carol] {
        phone.expires = Duration::from_secs(*pick(&mut random, &[30, 60, 300]));
        if random.below(3) == 0 {
            phone.transport = Transport::Tcp;
        }
        if random.below(3) == 0 {
            phone.model = Model::Softphone;
        }
    }
    let nat = (random.below(3) == 0).then(|| {
        let kind = *pick(&mut random, &[NatKind::FullCone, NatKind::PortRestricted, NatKind::Symmetric]);
        u.network().nat("alice's box", kind, Some(Duration::from_secs(60)))
    });
    let stage = Stage::open(&u, cast).await;
    if let Some(nat) = nat {
        u.network().put_behind(stage.alice.host(), nat);
    }
    for phone in [&stage.alice, &stage.bob, &stage.carol] {
        phone.register().unwrap();
    }
    let mut soak = Soak { stage, random, nat, troubles: Vec::new() };
    soak.weather();
    let end = u.now() + LONG;
    while u.now() < end {
        let pause = 100 + soak.random.below(2_500);
        soak.stage.millis(pause).await;
        soak.relieve(false);
        match soak.random.below(100) {
            0..6 => soak.trouble(),
            6..9 => soak.weather(),
            9..14 => soak.customer(),
            _ => soak.press(),
        }
    }
    soak.relieve(true);
    let Soak { stage, .. } = &soak;
    for phone in [&stage.alice, &stage.bob, &stage.carol] {
        let _ = phone.hang_up();
    }
    stage.seconds(REST).await;
}

impl Soak {
    fn phone(&mut self) -> Phone {
        let stage = &self.stage;
        (*pick(&mut self.random, &[&stage.alice, &stage.bob, &stage.carol])).clone()
    }

    fn host(&mut self) -> Host {
        let stage = &self.stage;
        let hosts =
            [stage.alice.host(), stage.bob.host(), stage.carol.host(), stage.server.host(), stage.carrier.host()];
        (*pick(&mut self.random, &hosts)).clone()
    }

    /// Somebody presses a button, which may not be there.
    fn press(&mut self) {
        let phone = self.phone();
        let whom = *pick(&mut self.random, &["alice", "bob", "carol", "sales", NUMBER, "8600051", "nobody"]);
        let _ = match self.random.below(20) {
            0..4 => phone.dial(whom),
            4..10 => phone.answer(),
            10 => phone.reject(),
            11..13 => phone.hang_up(),
            13 => phone.hold(),
            14 => phone.resume(),
            15 => phone.transfer(whom),
            16 => phone.consult(whom),
            17 => phone.complete_transfer().or_else(|_| phone.take_back()),
            18 => phone.press("42"),
            _ if self.random.below(2) == 0 => phone.unregister(),
            _ => phone.register(),
        };
    }

    fn customer(&mut self) {
        if self.random.below(2) == 0 {
            self.stage.carrier.place_call(NUMBER, "8005550100");
        } else {
            let _ = self.stage.carrier.hang_up(NUMBER);
        }
    }

    /// The network is another from now on.
    fn weather(&mut self) {
        let (one, other) = (self.host(), self.host());
        if one.name() == other.name() {
            return;
        }
        let between = self.stage.u.network().between(&one, &other);
        let share = |random: &mut Random, most: u64| random.below(most + 1) as f64 / 100.0;
        let random = &mut self.random;
        match random.below(4) {
            0 => between.loses(share(random, 15)),
            1 => between.reorders(share(random, 20)),
            2 => between.duplicates(share(random, 10)),
            _ => between.has_jitter(Duration::from_millis(random.below(150)), Duration::from_millis(random.below(50))),
        }
        .unwrap();
    }

    /// Something bad begins.
    fn trouble(&mut self) {
        let (one, other) = (self.host(), self.host());
        let until = self.stage.u.now() + Duration::from_millis(500 + self.random.below(12_000));
        let trouble = match self.random.below(5) {
            0 | 1 if one.name() != other.name() => Trouble::Cut(self.stage.u.network().between(&one, &other).cut()),
            2 if one.power() == Power::Up => {
                one.crash();
                Trouble::Power(one)
            }
            3 if one.power() == Power::Up => {
                one.pause();
                Trouble::Sleep(one)
            }
            _ => {
                if let Some(nat) = self.nat {
                    self.stage.u.network().forget_bindings(nat);
                }
                return;
            }
        };
        self.troubles.push((until, trouble));
    }

    /// Ends what is over by now, or all of it.
    fn relieve(&mut self, all: bool) {
        let now = self.stage.u.now();
        for (_, trouble) in self.troubles.extract_if(.., |(until, _)| all || *until <= now) {
            match trouble {
                Trouble::Cut(cut) => drop(self.stage.u.network().lift(cut)),
                Trouble::Power(host) => host.restart(),
                Trouble::Sleep(host) => host.resume(),
            }
        }
    }
}

#[test]
fn nobody_complains_of_troubled_days() {
    let days = std::env::var("BUSYHOUR_SOAK").ok().and_then(|days| days.parse().ok()).unwrap_or(100);
    let mut told = Vec::new();
    let mut judgements = 0;
    for seed in 0..days {
        let oracles = judged(seed, a_troubled_day);
        judgements += oracles.iter().map(|oracle| oracle.judged).sum::<u64>();
        told.extend(complaints(&oracles).into_iter().map(|complaint| (seed, complaint)));
    }
    assert!(told.is_empty(), "{told:#?}");
    assert!(judgements > days * 1_000, "{judgements} judgements in {days} days");
}
