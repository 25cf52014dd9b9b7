//! What stands in for the rooms that are still being built.
#![allow(missing_docs, dead_code, unused_variables, clippy::unused_self)]

pub mod phone {
    pub use busyhour::sip::ua::Ending;
    use busyhour::world::Host;
    use std::time::Duration;
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub enum Registration {
        #[default]
        Off,
        Trying,
        Registered,
        Refused(u16),
        Unreachable,
    }
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Direction {
        Incoming,
        Outgoing,
    }
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum LineState {
        Ringing,
        Dialing,
        RingingThere,
        Talking,
        OnHold,
        HeldByPeer,
        Ended { reason: Ending },
    }
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Line {
        pub state: LineState,
        pub peer: String,
        pub direction: Direction,
    }
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum TransferState {
        Trying,
        Done,
        Failed(u16),
    }
    #[derive(Debug, Clone, PartialEq, Eq, Default)]
    pub struct Screen {
        pub power: bool,
        pub registration: Registration,
        pub lines: Vec<Line>,
        pub transfer: Option<TransferState>,
        pub message: String,
    }
    impl Screen {
        pub fn calls(&self) -> impl Iterator<Item = &Line> {
            self.lines.iter().filter(|line| !matches!(line.state, LineState::Ended { .. }))
        }
        pub fn rings(&self) -> bool {
            self.lines.iter().any(|line| line.state == LineState::Ringing)
        }
        pub fn answered(&self) -> impl Iterator<Item = &Line> {
            self.lines
                .iter()
                .filter(|line| matches!(line.state, LineState::Talking | LineState::OnHold | LineState::HeldByPeer))
        }
    }
    impl std::fmt::Display for Screen {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a screen")
        }
    }
    #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
    #[error("{phone}'s phone can't {button}: it shows {seen}")]
    pub struct NoSuchButton {
        pub phone: String,
        pub button: &'static str,
        pub seen: String,
    }
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Model {
        Hardphone,
        Softphone,
    }
    #[derive(Debug, Clone)]
    pub struct PhoneSettings {
        pub user: String,
        pub display_name: String,
    }
    impl PhoneSettings {
        pub fn hardphone(user: &str, password: &str, domain: &str) -> PhoneSettings {
            PhoneSettings { user: user.into(), display_name: String::new() }
        }
        pub fn softphone(user: &str, password: &str, domain: &str) -> PhoneSettings {
            Self::hardphone(user, password, domain)
        }
    }
    type R = Result<(), NoSuchButton>;
    #[derive(Clone)]
    pub struct Phone {
        host: Host,
    }
    impl Phone {
        pub fn install(host: &Host, settings: PhoneSettings) -> Phone {
            Phone { host: host.clone() }
        }
        pub fn register(&self) -> R {
            Ok(())
        }
        pub fn register_with(&self, password: &str) -> R {
            Ok(())
        }
        pub fn unregister(&self) -> R {
            Ok(())
        }
        pub fn dial(&self, number: &str) -> R {
            Ok(())
        }
        pub fn answer(&self) -> R {
            Ok(())
        }
        pub fn reject(&self) -> R {
            Ok(())
        }
        pub fn hang_up(&self) -> R {
            Ok(())
        }
        pub fn hold(&self) -> R {
            Ok(())
        }
        pub fn resume(&self) -> R {
            Ok(())
        }
        pub fn transfer(&self, to: &str) -> R {
            Ok(())
        }
        pub fn consult(&self, to: &str) -> R {
            Ok(())
        }
        pub fn complete_transfer(&self) -> R {
            Ok(())
        }
        pub fn take_back(&self) -> R {
            Ok(())
        }
        pub fn press(&self, digits: &str) -> R {
            Ok(())
        }
        pub fn screen(&self) -> Screen {
            Screen::default()
        }
        pub fn digits_received(&self) -> String {
            String::new()
        }
        pub fn audio(&self) -> Option<super::media::StreamStats> {
            None
        }
        pub fn host(&self) -> &Host {
            &self.host
        }
    }
    pub fn boot_time() -> Duration {
        Duration::from_secs(2)
    }
}
pub mod media {
    pub struct StreamStats {
        pub received: u64,
        pub mos_heard: f64,
    }
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Codec {
        Pcmu,
        Pcma,
    }
    pub mod tone {
        use busyhour::world::audio::Sound;
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct Voice(u32);
        impl Voice {
            pub fn number(number: u32) -> Voice {
                Voice(number)
            }
            pub fn sound(self) -> Sound {
                Sound::Silence
            }
        }
        pub fn present(samples: &[i16], voices: &[Voice]) -> Vec<Voice> {
            Vec::new()
        }
        pub fn ever(samples: &[i16], voices: &[Voice]) -> Vec<Voice> {
            Vec::new()
        }
    }
    pub mod cadence {
        pub fn attend(until: busyhour::trace::SimTime) {}
        pub fn under_fault() {}
    }
}
pub mod pbx {
    use super::media::Codec;
    use busyhour::{sip::Flow, trace::SimTime, world::Host};
    use std::{collections::BTreeMap, net::SocketAddrV4, rc::Rc, time::Duration};
    #[derive(Debug, Clone)]
    pub struct ServerSettings {
        pub users: BTreeMap<String, String>,
        pub expires: Duration,
        pub trunk: Option<SocketAddrV4>,
        pub inbound: BTreeMap<String, String>,
    }
    impl ServerSettings {
        pub fn new(domain: impl Into<String>) -> ServerSettings {
            ServerSettings {
                users: BTreeMap::new(),
                expires: Duration::from_secs(300),
                trunk: None,
                inbound: BTreeMap::new(),
            }
        }
    }
    pub struct Contact {
        pub uri: String,
        pub flow: Flow,
        pub expires_at: SimTime,
    }
    pub struct CallView {
        pub caller: Rc<str>,
        pub called: Rc<str>,
    }
    pub struct CallRecord {
        pub caller: Rc<str>,
        pub called: Rc<str>,
        pub answered: Option<SimTime>,
    }
    #[derive(Clone)]
    pub struct Server;
    impl Server {
        pub fn install(host: &Host, settings: ServerSettings) -> Server {
            Server
        }
        pub fn contacts(&self, user: &str) -> Vec<Contact> {
            Vec::new()
        }
        pub fn calls(&self) -> Vec<CallView> {
            Vec::new()
        }
        pub fn records(&self) -> Vec<CallRecord> {
            Vec::new()
        }
        pub fn set_expires(&self, expires: Duration) {}
        pub fn add_user(&self, user: &str, password: &str) {}
    }
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Behaviour {
        Answers { after: Duration, hangs_up_after: Option<Duration> },
        Busy,
        NeverAnswers,
        Rejects,
        AnsweringMachine,
        Disconnected,
    }
    impl Behaviour {
        pub fn answers_after(after: Duration) -> Behaviour {
            Behaviour::Answers { after, hangs_up_after: None }
        }
        pub fn hangs_up_after(after: Duration) -> Behaviour {
            Behaviour::Answers { after: Duration::from_secs(2), hangs_up_after: Some(after) }
        }
    }
    #[derive(Clone)]
    pub struct Carrier;
    impl Carrier {
        pub fn install(host: &Host) -> Carrier {
            Carrier
        }
        pub fn customer(&self, number: &str, host: &Host, behaviour: Behaviour) {}
        pub fn answer_next_with(&self, status: u16, times: u64) {}
        pub fn speaks_only(&self, codec: Codec) {}
        pub fn hang_up(&self, number: &str) -> bool {
            false
        }
        pub fn is_in_call(&self, number: &str) -> bool {
            false
        }
        pub fn digits_received(&self, number: &str) -> String {
            String::new()
        }
        pub fn place_call(&self, from: &str, to: &str) {}
    }
}
