//! Numbers grow, tags stay, and responses and requests find their way.
//!
//! - Within a dialog each new request of one side has a higher CSeq than the one before (RFC 3261 section 12.2.1.1);
//!   outside of one it's never lower, and higher with each REGISTER of a Call-ID to the same place (10.2). An ACK has
//!   the number of an INVITE (13.2.2.4).
//! - A response has the Via list, From, Call-ID and CSeq of its request, the request's To tag if there was one, and
//!   the same tag in all responses to one request otherwise, 100 aside (8.2.6.2).
//! - Requests within a dialog have the tags that it began with (12.2.1.1).
//! - Requests within a dialog have a branch with the magic cookie (8.1.1.7) and go the way that Record-Route told
//!   (12.2.1.1).
//!
//! Judged are the requests that begin at a host, when they're sent first, and the responses. Not judged: what a proxy
//! passes on, what isn't regular SIP, responses to a branch that was used twice, and route sets that begin with a
//! strict router.

use busyhour_trace::HostId;
use rustc_hash::FxHashMap;

use crate::dues::Dues;
use crate::hearing::{Dialog, Heard, digest_all};
use crate::read::sip::{Address, Method};
use crate::surroundings::Surroundings;
use crate::witness::{Judgement, Witness};

use std::net::SocketAddrV4;
use std::time::Duration;

use busyhour_trace::SimTime;

/// What ended this long ago isn't remembered.
const OVER: Duration = Duration::from_secs(64);

/// The witness of this rule; see the [module](self).
#[derive(Debug)]
pub struct CseqGrowsAndTagsStay {
    judgement: Judgement,
    /// The last request of a side: by host and its life, Call-ID, own tag and the other's.
    numbers: FxHashMap<Side, Number>,
    /// The numbers of the INVITEs of one side, whatever the other's tag.
    invites: FxHashMap<Side, Vec<u32>>,
    asked: FxHashMap<(HostId, u64, u64), Asked>,
    routes: FxHashMap<Dialog, Routes>,
    /// The own tag of a host in its dialogs, by Call-ID and the other's tag; none if it has several there.
    tags: FxHashMap<(HostId, u64, u64), Option<u64>>,
    forget: Dues<Forget>,
}

type Side = (HostId, u32, u64, u64, u64);

#[derive(Debug)]
struct Number {
    cseq: u32,
    /// Of the last requests: what's sent again isn't new, though another has begun meanwhile.
    branches: [(u64, u32); 4],
    there: SocketAddrV4,
}

/// A request that arrived.
#[derive(Debug)]
struct Asked {
    /// The host's life in which it came.
    life: u32,
    call: u64,
    cseq: u32,
    from_tag: u64,
    to_tag: u64,
    vias: u64,
    /// The Record-Routes, top to bottom.
    routes: Routes,
    /// The tag that the host has put into To.
    own_tag: u64,
    /// Another request came with the same branch.
    mixed: bool,
    answered: bool,
}

/// The way through a dialog, and the same way seen from the other end.
#[derive(Debug, Clone, Copy, Default)]
struct Routes {
    forward: u64,
    count: usize,
    loose: bool,
}

#[derive(Debug)]
enum Forget {
    Asked((HostId, u64, u64)),
    Dialog(Dialog, u32),
}

impl Default for CseqGrowsAndTagsStay {
    fn default() -> Self {
        CseqGrowsAndTagsStay {
            judgement: Judgement::default(),
            numbers: FxHashMap::default(),
            invites: FxHashMap::default(),
            asked: FxHashMap::default(),
            routes: FxHashMap::default(),
            tags: FxHashMap::default(),
            forget: Dues::after(OVER),
        }
    }
}

/// A digest of a list of routes, by user, host and port: how parameters are written is the writer's affair.
fn way<'a>(routes: impl Iterator<Item = Address<'a>>) -> Routes {
    let mut way = Routes::default();
    for route in routes {
        let Some(uri) = route.parts() else { continue };
        if way.count == 0 {
            way.loose = uri.param("lr").is_some();
        }
        way.forward = digest_all([uri.user, uri.host].into_iter()).wrapping_add(way.forward.wrapping_mul(31));
        way.forward = way.forward.wrapping_add(u64::from(uri.port.unwrap_or(5060)));
        way.count += 1;
    }
    way
}

fn vias(heard: &Heard<'_>) -> u64 {
    digest_all(heard.message.vias().flat_map(|via| [via.sent_by, via.branch().unwrap_or_default()]))
}

impl Witness for CseqGrowsAndTagsStay {
    fn name(&self) -> &'static str {
        "cseq_grows_and_tags_stay"
    }

    fn rule(&self) -> &'static str {
        "CSeq grows from request to request, tags stay, a response has its request's Vias, and a dialog's requests go \
         along its routes (RFC 3261 sections 8.1.1.7, 8.2.6.2, 10.2, 12.2.1.1 and 13.2.2.4)"
    }

    fn message(&mut self, heard: &Heard<'_>, around: &Surroundings) {
        if !heard.message.is_regular() {
            return;
        }
        match (heard.is_sent(), heard.is_request()) {
            (true, true) if !heard.has_passed_others => self.request(heard, around),
            (true, true) => {}
            (false, true) => self.asked(heard),
            (true, false) => self.response(heard, around),
            (false, false) => {
                // A dialog begins, at its caller: the way is told from the far end (12.1.2).
                if heard.accepts(Method::Invite) && !heard.has_passed_others {
                    let routes: Vec<_> = heard.message.record_routes().collect();
                    self.begins(heard.dialog(), way(routes.into_iter().rev()));
                }
            }
        }
        if heard.is(Method::Bye) {
            self.forget.push(heard.at, Forget::Dialog(heard.dialog(), heard.life));
        }
    }

    fn due(&mut self, now: SimTime, _around: &Surroundings) {
        while let Some((_, forget)) = self.forget.pop(now) {
            match forget {
                Forget::Asked(key) => match self.asked.get(&key) {
                    // A phone may ring for long.
                    Some(asked) if !asked.answered => self.forget.push(now, Forget::Asked(key)),
                    _ => drop(self.asked.remove(&key)),
                },
                Forget::Dialog(dialog, life) => {
                    self.routes.remove(&dialog);
                    self.tags.remove(&(dialog.host, dialog.call, dialog.remote));
                    let Dialog { host, call, local, remote } = dialog;
                    for remote in [remote, 0] {
                        self.numbers.remove(&(host, life, call, local, remote));
                    }
                    self.invites.remove(&(host, life, call, local, 0));
                }
            }
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}

impl CseqGrowsAndTagsStay {
    fn begins(&mut self, dialog: Dialog, routes: Routes) {
        self.routes.entry(dialog).or_insert(routes);
        let own = self.tags.entry((dialog.host, dialog.call, dialog.remote)).or_insert(Some(dialog.local));
        if *own != Some(dialog.local) {
            *own = None;
        }
    }

    fn request(&mut self, heard: &Heard<'_>, around: &Surroundings) {
        let name = || around.name(heard.host);
        let Heard { host, life, call, from_tag, to_tag, cseq, .. } = *heard;
        let any = (host, life, call, from_tag, 0);
        if matches!(heard.method, Method::Ack | Method::Cancel) {
            let Some(invites) = self.invites.get(&any) else { return };
            self.judgement.judged += 1;
            if !invites.contains(&cseq) {
                let what =
                    format!("{} sent {} with CSeq {cseq}, and no INVITE of it has that number", name(), heard.verb());
                self.judgement.violate(heard.at, what, [heard.packet]);
            }
            if heard.method == Method::Ack {
                self.goes_its_way(heard, around);
            }
            return;
        }
        let side = (host, life, call, from_tag, to_tag);
        let last = self.numbers.get(&side);
        if last.is_some_and(|last| last.branches.contains(&(heard.branch, cseq))) {
            return;
        }
        let began = if to_tag == 0 { None } else { self.numbers.get(&any) };
        self.judgement.judged += 1;
        let told = match (last, began) {
            (Some(last), _) if to_tag != 0 && cseq <= last.cseq => Some(last.cseq),
            // The dialog was begun by this side's INVITE.
            (None, Some(invite)) if cseq <= invite.cseq => Some(invite.cseq),
            (Some(last), _) if cseq < last.cseq => Some(last.cseq),
            (Some(last), _) if cseq == last.cseq && heard.method == Method::Register && last.there == heard.there => {
                Some(last.cseq)
            }
            _ => None,
        };
        if let Some(last) = told {
            let what = format!("{} sent {} with CSeq {cseq} after one with {last}", name(), heard.verb());
            self.judgement.violate(heard.at, what, [heard.packet]);
        }
        if let Some(Some(own)) = self.tags.get(&(host, call, to_tag))
            && *own != from_tag
        {
            let what = format!("{} sent {} in a dialog with another From tag than its own there", name(), heard.verb());
            self.judgement.violate(heard.at, what, [heard.packet]);
        }
        let mut branches = last.map_or([(0, 0); 4], |last| last.branches);
        branches.rotate_right(1);
        branches[0] = (heard.branch, cseq);
        self.numbers.insert(side, Number { cseq, branches, there: heard.there });
        if heard.method == Method::Invite {
            let invites = self.invites.entry(any).or_default();
            if invites.len() >= 8 {
                invites.remove(0);
            }
            invites.push(cseq);
        }
        self.goes_its_way(heard, around);
    }

    /// Judges a request's branch and its routes, if it's within a dialog that is known.
    fn goes_its_way(&mut self, heard: &Heard<'_>, around: &Surroundings) {
        if heard.to_tag == 0 {
            return;
        }
        let Some(routes) = self.routes.get(&heard.dialog()) else { return };
        // The ACK of a refused re-INVITE goes the INVITE's way too, so it needs no exception.
        let goes = if routes.count > 0 { way(heard.message.routes()) } else { Routes::default() };
        let what = if !heard.branch_text.starts_with("z9hG4bK") {
            format!("the branch of {}'s {} is {:?}", around.name(heard.host), heard.verb(), heard.branch_text)
        } else if routes.count > 0 && !routes.loose {
            self.judgement.exempt("the route set begins with a strict router");
            return;
        } else if goes.forward != routes.forward || goes.count != routes.count {
            format!("{}'s {} doesn't go along the dialog's route set", around.name(heard.host), heard.verb())
        } else {
            return;
        };
        self.judgement.violate(heard.at, what, [heard.packet]);
    }

    fn asked(&mut self, heard: &Heard<'_>) {
        if heard.method == Method::Ack {
            return;
        }
        let key = heard.transaction();
        let Heard { life, call, cseq, from_tag, to_tag, .. } = *heard;
        if let Some(asked) = self.asked.get_mut(&key).filter(|asked| asked.life == life) {
            asked.mixed |= (asked.call, asked.cseq, asked.from_tag, asked.to_tag) != (call, cseq, from_tag, to_tag);
            return;
        }
        let is_first_invite = heard.method == Method::Invite && to_tag == 0;
        let routes = if is_first_invite { way(heard.message.record_routes()) } else { Routes::default() };
        let vias = vias(heard);
        let asked =
            Asked { life, call, cseq, from_tag, to_tag, vias, routes, own_tag: 0, mixed: false, answered: false };
        self.asked.insert(key, asked);
        self.forget.push(heard.at, Forget::Asked(key));
    }

    fn response(&mut self, heard: &Heard<'_>, around: &Surroundings) {
        let Some(asked) = self.asked.get_mut(&heard.transaction()) else { return };
        asked.answered |= heard.is_final();
        if asked.mixed {
            self.judgement.exempt("a branch was used twice");
            return;
        }
        self.judgement.judged += 1;
        let wants_tag = heard.status > 100;
        let differs = if asked.call != heard.call {
            Some("Call-ID")
        } else if asked.cseq != heard.cseq {
            Some("CSeq")
        } else if asked.from_tag != heard.from_tag {
            Some("From tag")
        } else if asked.vias != vias(heard) {
            Some("Via list")
        } else if asked.to_tag != 0 && asked.to_tag != heard.to_tag {
            Some("To tag")
        } else {
            None
        };
        let (name, verb, status) = (|| around.name(heard.host), heard.verb(), heard.status);
        let what = if let Some(differs) = differs {
            Some(format!("{}'s {status} to {verb} has another {differs} than the request", name()))
        } else if heard.is_forwarding || !wants_tag || asked.to_tag != 0 {
            None
        } else if heard.to_tag == 0 {
            Some(format!("{}'s {status} to {verb} has no To tag", name()))
        } else if asked.own_tag != 0 && asked.own_tag != heard.to_tag {
            Some(format!("{}'s {status} to {verb} has another To tag than its response before", name()))
        } else {
            asked.own_tag = heard.to_tag;
            None
        };
        if let Some(what) = what {
            self.judgement.violate(heard.at, what, [heard.packet]);
        }
        // A dialog begins, at the one who was called: the way is told from this end (12.1.1).
        if heard.accepts(Method::Invite) && asked.to_tag == 0 && !heard.is_forwarding {
            let routes = asked.routes;
            self.begins(heard.dialog(), routes);
        }
    }
}
