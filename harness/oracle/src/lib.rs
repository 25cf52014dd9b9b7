//! The witnesses: one file an invariant, each citing its rule. They read packets with readers of their own (law 5).
//!
//! - [`read`]: the readers, from IPv4 up to HTTP, SIP and RTP.
//! - [`witness`]: the mechanism: what a witness is fed, what it says, and the panel that all of them sit on.
//! - [`hearing`]: each packet is read once, for all witnesses; [`surroundings`]: who is up, and whose an address is;
//!   [`dues`]: what's to be looked at again; [`keyring`]: the keys that were claimed, and what they open; [`relays`]:
//!   what TURN wraps; [`web`]: what servers are asked and answer; [`floor`]: how a floor was set up, and its customers'
//!   calls; `occasions` and `tellings`: what there is to tell, and what was told. [`decryption`]: a capture's encrypted
//!   media in the clear.
//! - the invariants of the wire: [`nothing_unsent_arrives`], [`nothing_crosses_a_cut`], [`a_crashed_host_is_silent`].
//! - those of SIP: [`every_request_is_answered`], [`every_2xx_to_invite_is_acknowledged`],
//!   [`when_one_leg_ends_the_other_ends`], [`cseq_grows_and_tags_stay`], [`no_zombie_calls`], [`bindings_expire`],
//!   [`retransmissions_follow_their_timers`], [`no_password_on_a_wire`].
//! - those of media: [`established_means_heard`], [`after_the_end_no_rtp`].
//! - those of WebRTC: [`webrtc_media_is_encrypted`], [`no_index_is_sent_twice`], [`no_two_handshakes_share_randoms`],
//!   [`no_media_before_dtls`], [`fingerprints_match`], [`without_consent_no_media`], [`no_relaying_after_expiry`],
//!   [`nothing_outlives_its_call`].
//! - those of browser tabs: [`a_gone_tab_is_not_rung`], [`a_gone_tab_ends_its_calls`], [`one_contact_per_tab`].
//! - those of the floor: [`one_state_per_agent`], [`no_agent_in_two_calls`], [`no_lead_in_two_calls`],
//!   [`no_do_not_call_number_dialed`], [`one_disposition_for_each_call`], [`calls_placed_are_accounted_for`],
//!   [`session_time_adds_up`], [`drop_rate_within_target`].
//! - those of webhooks: [`no_event_lost_at_rest`], [`effects_exactly_once`], [`no_forged_effect`].
//!
//! All of them hold in every universe. A new invariant is a file here that implements [`Witness`], and a line in
//! [`Panel::always_on`].

pub mod a_crashed_host_is_silent;
pub mod a_gone_tab_ends_its_calls;
pub mod a_gone_tab_is_not_rung;
pub mod after_the_end_no_rtp;
pub mod bindings_expire;
pub mod calls_placed_are_accounted_for;
pub mod cseq_grows_and_tags_stay;
pub mod decryption;
mod disks;
pub mod drop_rate_within_target;
pub mod dues;
pub mod effects_exactly_once;
pub mod established_means_heard;
pub mod every_2xx_to_invite_is_acknowledged;
pub mod every_request_is_answered;
pub mod fingerprints_match;
pub mod floor;
pub mod hearing;
pub mod keyring;
pub mod no_agent_in_two_calls;
pub mod no_do_not_call_number_dialed;
pub mod no_event_lost_at_rest;
pub mod no_forged_effect;
pub mod no_index_is_sent_twice;
pub mod no_lead_in_two_calls;
pub mod no_media_before_dtls;
pub mod no_password_on_a_wire;
pub mod no_relaying_after_expiry;
pub mod no_two_handshakes_share_randoms;
pub mod no_zombie_calls;
pub mod nothing_crosses_a_cut;
pub mod nothing_outlives_its_call;
pub mod nothing_unsent_arrives;
mod numbers;
mod occasions;
pub mod one_contact_per_tab;
pub mod one_disposition_for_each_call;
pub mod one_state_per_agent;
pub mod read;
pub mod relays;
pub mod retransmissions_follow_their_timers;
pub mod session_time_adds_up;
pub mod surroundings;
mod tellings;
pub mod web;
pub mod webrtc_media_is_encrypted;
pub mod when_one_leg_ends_the_other_ends;
pub mod without_consent_no_media;
pub mod witness;

pub use a_crashed_host_is_silent::ACrashedHostIsSilent;
pub use a_gone_tab_ends_its_calls::AGoneTabEndsItsCalls;
pub use a_gone_tab_is_not_rung::AGoneTabIsNotRung;
pub use after_the_end_no_rtp::AfterTheEndNoRtp;
pub use bindings_expire::BindingsExpire;
pub use calls_placed_are_accounted_for::CallsPlacedAreAccountedFor;
pub use cseq_grows_and_tags_stay::CseqGrowsAndTagsStay;
pub use drop_rate_within_target::DropRateWithinTarget;
pub use effects_exactly_once::EffectsExactlyOnce;
pub use established_means_heard::EstablishedMeansHeard;
pub use every_2xx_to_invite_is_acknowledged::Every2xxToInviteIsAcknowledged;
pub use every_request_is_answered::EveryRequestIsAnswered;
pub use fingerprints_match::FingerprintsMatch;
pub use no_agent_in_two_calls::NoAgentInTwoCalls;
pub use no_do_not_call_number_dialed::NoDoNotCallNumberDialed;
pub use no_event_lost_at_rest::NoEventLostAtRest;
pub use no_forged_effect::NoForgedEffect;
pub use no_index_is_sent_twice::NoIndexIsSentTwice;
pub use no_lead_in_two_calls::NoLeadInTwoCalls;
pub use no_media_before_dtls::NoMediaBeforeDtls;
pub use no_password_on_a_wire::NoPasswordOnAWire;
pub use no_relaying_after_expiry::NoRelayingAfterExpiry;
pub use no_two_handshakes_share_randoms::NoTwoHandshakesShareRandoms;
pub use no_zombie_calls::NoZombieCalls;
pub use nothing_crosses_a_cut::NothingCrossesACut;
pub use nothing_outlives_its_call::NothingOutlivesItsCall;
pub use nothing_unsent_arrives::NothingUnsentArrives;
pub use one_contact_per_tab::OneContactPerTab;
pub use one_disposition_for_each_call::OneDispositionForEachCall;
pub use one_state_per_agent::OneStatePerAgent;
pub use retransmissions_follow_their_timers::RetransmissionsFollowTheirTimers;
pub use session_time_adds_up::SessionTimeAddsUp;
pub use webrtc_media_is_encrypted::WebrtcMediaIsEncrypted;
pub use when_one_leg_ends_the_other_ends::WhenOneLegEndsTheOtherEnds;
pub use without_consent_no_media::WithoutConsentNoMedia;
pub use witness::{Complaint, Judgement, Panel, UnknownWitness, Verdict, Wants, Witness};

pub use busyhour_trace::record::{Exemption, Violation};
