//! What TURN wraps (RFC 8656): which channel stands for which peer, and who has which address on a relay.
//!
//! Each end of an association between a client and a relay is a seat, known by what its own host sees of it: a NAT box
//! may stand between the two. What a seat was granted it knows from the responses that it sent, or that arrived.

use std::net::SocketAddrV4;

use busyhour_trace::HostId;
use rustc_hash::FxHashMap;

use crate::hearing::{Carrier, Way};
use crate::read::stun::{Class, Message, Method};

/// One end of an association.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seat {
    /// Whose end.
    pub host: HostId,
    /// Its own address.
    pub here: SocketAddrV4,
    /// The other's.
    pub there: SocketAddrV4,
    /// What they talk over: one client may have two associations with a relay that have the same ports.
    pub over: Carrier,
}

/// What was asked for, granted, or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// An address on the relay.
    Allocated {
        /// The address.
        relayed: SocketAddrV4,
        /// For how many seconds.
        lifetime: u32,
    },
    /// For so many seconds more; zero gives it back.
    Refreshed {
        /// The seconds.
        lifetime: u32,
    },
    /// These peers may send to it.
    Permitted {
        /// The peers.
        peers: Vec<SocketAddrV4>,
    },
    /// A number stands for a peer, who may send to it.
    Bound {
        /// The number.
        number: u16,
        /// The peer.
        peer: SocketAddrV4,
    },
}

#[derive(Debug, Default)]
struct State {
    is_client: bool,
    /// What was asked for and isn't answered.
    pending: FxHashMap<[u8; 12], Asked>,
    channels: FxHashMap<u16, SocketAddrV4>,
}

#[derive(Debug)]
struct Asked {
    method: Method,
    peers: Vec<SocketAddrV4>,
    channel: Option<u16>,
}

/// Of each seat so many questions are kept that nobody answers.
const PENDING: usize = 256;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Relays {
    seats: FxHashMap<Seat, State>,
}

impl Relays {
    pub(crate) fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// True if the seat is a client's; none if nobody sits there.
    pub(crate) fn is_client(&self, seat: &Seat) -> Option<bool> {
        self.seats.get(seat).map(|state| state.is_client)
    }

    /// The peer that a channel's number stands for.
    pub(crate) fn peer(&self, seat: &Seat, number: u16) -> Option<SocketAddrV4> {
        self.seats.get(seat)?.channels.get(&number).copied()
    }

    /// Takes a message of TURN; says what it grants.
    pub(crate) fn message(&mut self, seat: Seat, way: Way, message: &Message<'_>) -> Option<Grant> {
        match message.class {
            Class::Request => {
                if message.method == Method::Allocate {
                    self.seats.entry(seat).or_default().is_client = way == Way::Sent;
                }
                let state = self.seats.get_mut(&seat)?;
                if state.pending.len() >= PENDING {
                    state.pending.clear();
                }
                let Message { method, channel, .. } = *message;
                let asked = Asked { method, peers: message.peers.clone(), channel };
                state.pending.insert(message.transaction, asked);
                None
            }
            Class::Success => {
                let state = self.seats.get_mut(&seat)?;
                let asked = state.pending.remove(&message.transaction)?;
                if asked.method != message.method {
                    return None;
                }
                match asked.method {
                    Method::Allocate => {
                        state.channels.clear();
                        Some(Grant::Allocated { relayed: message.relayed?, lifetime: message.lifetime.unwrap_or(600) })
                    }
                    Method::Refresh => {
                        let lifetime = message.lifetime.unwrap_or(600);
                        if lifetime == 0 {
                            state.channels.clear();
                        }
                        Some(Grant::Refreshed { lifetime })
                    }
                    Method::CreatePermission => Some(Grant::Permitted { peers: asked.peers }),
                    Method::ChannelBind => {
                        let (number, peer) = (asked.channel?, *asked.peers.first()?);
                        state.channels.insert(number, peer);
                        Some(Grant::Bound { number, peer })
                    }
                    _ => None,
                }
            }
            Class::Error => {
                self.seats.get_mut(&seat)?.pending.remove(&message.transaction);
                None
            }
            Class::Indication => None,
        }
    }
}
