//! The witnesses: one file an invariant, each citing its rule. They read packets with readers of their own (law 5).
//!
//! - [`read`]: the readers, from IPv4 up to HTTP, SIP and RTP.
//! - [`witness`]: the mechanism: what a witness is fed, what it says, and the panel that all of them sit on.
//! - [`hearing`]: each packet is read once, for all witnesses; [`surroundings`]: who is up, and whose an address is;
//!   [`dues`]: what's to be looked at again; [`keyring`]: the keys that were claimed, and what they open; [`relays`]:
//!   what TURN wraps.
//! - the invariants of the wire: [`nothing_unsent_arrives`], [`nothing_crosses_a_cut`], [`a_crashed_host_is_silent`].
//! - those of SIP: [`every_request_is_answered`], [`every_2xx_to_invite_is_acknowledged`],
//!   [`when_one_leg_ends_the_other_ends`], [`cseq_grows_and_tags_stay`], [`no_zombie_calls`], [`bindings_expire`],
//!   [`retransmissions_follow_their_timers`], [`no_password_on_a_wire`].
//! - those of media: [`established_means_heard`], [`after_the_end_no_rtp`].
//!
//! All of them hold in every universe. A new invariant is a file here that implements [`Witness`], and a line in
//! [`Panel::always_on`].

pub mod a_crashed_host_is_silent;
pub mod after_the_end_no_rtp;
pub mod bindings_expire;
pub mod cseq_grows_and_tags_stay;
pub mod dues;
pub mod established_means_heard;
pub mod every_2xx_to_invite_is_acknowledged;
pub mod every_request_is_answered;
pub mod hearing;
pub mod keyring;
pub mod no_password_on_a_wire;
pub mod no_zombie_calls;
pub mod nothing_crosses_a_cut;
pub mod nothing_unsent_arrives;
pub mod read;
pub mod relays;
pub mod retransmissions_follow_their_timers;
pub mod surroundings;
pub mod when_one_leg_ends_the_other_ends;
pub mod witness;

pub use a_crashed_host_is_silent::ACrashedHostIsSilent;
pub use after_the_end_no_rtp::AfterTheEndNoRtp;
pub use bindings_expire::BindingsExpire;
pub use cseq_grows_and_tags_stay::CseqGrowsAndTagsStay;
pub use established_means_heard::EstablishedMeansHeard;
pub use every_2xx_to_invite_is_acknowledged::Every2xxToInviteIsAcknowledged;
pub use every_request_is_answered::EveryRequestIsAnswered;
pub use no_password_on_a_wire::NoPasswordOnAWire;
pub use no_zombie_calls::NoZombieCalls;
pub use nothing_crosses_a_cut::NothingCrossesACut;
pub use nothing_unsent_arrives::NothingUnsentArrives;
pub use retransmissions_follow_their_timers::RetransmissionsFollowTheirTimers;
pub use when_one_leg_ends_the_other_ends::WhenOneLegEndsTheOtherEnds;
pub use witness::{Complaint, Judgement, Panel, UnknownWitness, Verdict, Witness};

pub use busyhour_trace::record::{Exemption, Violation};
