//! Finds out which commit is being built. A build without git, or of sources without a repository, is no worse for it.

use std::path::Path;
use std::process::Command;

/// Where a commit may be named for a build that can't see its repository.
const NAMED: &str = "BUSYHOUR_COMMIT";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={NAMED}");
    let named = std::env::var(NAMED).ok().filter(|commit| is_plain(commit));
    let commit = named.or_else(commit_of_repository).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env={NAMED}={commit}");
}

fn commit_of_repository() -> Option<String> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")?;
    let root = Path::new(&manifest).parent()?;
    // The sources may lie unpacked somewhere below a repository of somebody else's.
    root.join(".git").exists().then_some(())?;
    // Where HEAD points to, and the log of where it pointed: one of them changes with each commit and each checkout.
    for file in ["HEAD", "logs/HEAD"] {
        let path = root.join(git(root, &["rev-parse", "--git-path", file])?);
        // A file that isn't there counts as changed with every build.
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    git(root, &["rev-parse", "--short=12", "HEAD"]).filter(|commit| is_plain(commit))
}

fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).current_dir(root).env_remove("GIT_DIR").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// It must stand in one line, and say nothing to cargo.
fn is_plain(commit: &str) -> bool {
    !commit.is_empty() && commit.len() <= 64 && commit.chars().all(|sign| sign.is_ascii_alphanumeric())
}
