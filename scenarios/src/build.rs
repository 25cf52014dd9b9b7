//! Which build this is.

use std::sync::OnceLock;

/// The commit that it was built from, shortened; `unknown` where nobody could say.
pub const COMMIT: &str = env!("BUSYHOUR_COMMIT");

/// The version with its commit, as `busyhour --version` tells it.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (commit ", env!("BUSYHOUR_COMMIT"), ")");

/// What tells this build from another: runs are the same between runs of one build only. It's a hash of the program.
pub fn id() -> &'static str {
    static BUILD: OnceLock<String> = OnceLock::new();
    BUILD.get_or_init(|| {
        let program = std::env::current_exe().and_then(std::fs::read);
        program.map_or_else(|_| "unknown".to_owned(), |bytes| format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&bytes)))
    })
}
