//! A CRM's set-up.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::webhook::signature::{DEFAULT_TOLERANCE, Scheme, Secret};

/// How a [`Crm`](super::Crm) is set up: as one should be, unless it's told otherwise.
#[derive(Debug, Clone)]
pub struct CrmSettings {
    /// Where it listens.
    pub port: u16,
    /// The path of its webhook; everything else is 404.
    pub path: String,
    /// Deliveries that aren't signed so are rejected; none takes everything.
    pub verifies: Option<Verifies>,
    /// An event counts once, however often it's delivered.
    pub dedupes: bool,
    /// What's older never overwrites what's newer.
    pub keeps_order: bool,
    /// The dispositions that are sales.
    pub sale_statuses: BTreeSet<String>,
}

/// Which signatures are believed.
#[derive(Debug, Clone)]
pub struct Verifies {
    /// The scheme.
    pub scheme: Scheme,
    /// A signature by any of these will do.
    pub secrets: Vec<Secret>,
    /// So far may a signed timestamp be off, both ways.
    pub tolerance: Duration,
}

impl Verifies {
    /// Signatures of this scheme by this secret, with timestamps within five minutes.
    pub fn new(scheme: Scheme, secret: Secret) -> Verifies {
        Verifies { scheme, secrets: vec![secret], tolerance: DEFAULT_TOLERANCE }
    }
}

impl Default for CrmSettings {
    fn default() -> CrmSettings {
        CrmSettings {
            port: 80,
            path: "/hook".to_owned(),
            verifies: None,
            dedupes: true,
            keeps_order: true,
            sale_statuses: BTreeSet::from(["SALE".to_owned()]),
        }
    }
}

impl CrmSettings {
    /// The CRM that was written in an afternoon: every delivery counts as new and is believed, whatever came last is
    /// the truth, and nothing is on the disk before it's acted upon.
    pub fn naive() -> CrmSettings {
        CrmSettings { dedupes: false, keeps_order: false, ..CrmSettings::default() }
    }

    /// The same, verifying signatures.
    #[must_use]
    pub fn verifying(mut self, scheme: Scheme, secret: Secret) -> CrmSettings {
        self.verifies = Some(Verifies::new(scheme, secret));
        self
    }
}
