//! `busyhour init`: a folder that works at once.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{EXIT_BUG, EXIT_PASSED, EXIT_USAGE, complain, exit_unless_read};
use crate::report::{counted, shell_quoted};
use crate::steps::{Sought, vscode};
use crate::vocabulary::Vocabulary;

/// What `init` is told.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The folder to make, or to add to: nothing that's there is overwritten
    dir: PathBuf,

    /// With a small crate that adds steps of its own; it has to know where busyhour is (--path or --git)
    #[arg(long)]
    rust: bool,

    /// With --rust: the folder of busyhour's sources
    #[arg(long, value_name = "DIR", requires = "rust", conflicts_with = "git")]
    path: Option<PathBuf>,

    /// With --rust: the repository of busyhour's sources
    #[arg(long, value_name = "URL", requires = "rust")]
    git: Option<String>,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
enum InitError {
    #[error(
        "--rust makes a crate that depends on busyhour, which isn't published: say where it is with --path DIR or --git URL"
    )]
    NoSource,
    #[error("`{}` is not the folder of busyhour's sources: there is no `{}`", .0.display(), .1.display())]
    NotTheSource(PathBuf, PathBuf),
    #[error("`{}` is a file: name a folder", .0.display())]
    NotAFolder(PathBuf),
    #[error("nothing was made, since {} there already: {}", if .0.len() == 1 { "this is" } else { "these are" }, Paths(.0))]
    There(Vec<PathBuf>),
    #[error("`{}` can't be written: {error}", .file.display())]
    Unwritable { file: PathBuf, error: io::Error },
}

struct Paths<'a>(&'a [PathBuf]);

impl fmt::Display for Paths<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, path) in self.0.iter().enumerate() {
            write!(f, "{}{}", if place == 0 { "" } else { ", " }, path.display())?;
        }
        Ok(())
    }
}

/// Where a crate finds busyhour.
enum Source {
    Path(PathBuf),
    Git(String),
}

impl Source {
    /// What Cargo.toml says of one of its packages.
    fn dependency(&self, package: &str) -> String {
        match self {
            Source::Path(folder) => format!("{{ path = {:?} }}", folder.join(package)),
            Source::Git(url) => format!("{{ git = {url:?} }}"),
        }
    }
}

/// What was made.
struct Made {
    files: Vec<PathBuf>,
    /// What was there already, and what it should hold.
    kept: Vec<&'static str>,
}

/// Makes the folder.
pub(super) fn init(arguments: &InitArgs) -> ExitCode {
    match make(arguments) {
        Ok(made) => exit_unless_read(io::stdout().write_all(told(&made, arguments).as_bytes()), EXIT_PASSED),
        Err(error) => {
            complain(&format!("busyhour: {error}"));
            let full = matches!(&error, InitError::Unwritable { error, .. } if !is_refusal(error));
            ExitCode::from(if full { EXIT_BUG } else { EXIT_USAGE })
        }
    }
}

/// Whether the folder is one that nobody may write to: another one may be named.
fn is_refusal(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), NotADirectory | NotFound | PermissionDenied | ReadOnlyFilesystem)
}

fn told(made: &Made, arguments: &InitArgs) -> String {
    let dir = arguments.dir.display();
    let mut told = format!("Made {} in {dir}:\n\n", counted(made.files.len(), "file"));
    for file in &made.files {
        told.push_str(&format!("  {}\n", file.display()));
    }
    if !made.kept.is_empty() {
        told.push_str("\nThere already, and left as they are:\n\n");
        told.extend(made.kept.iter().map(|line| format!("  {line}\n")));
    }
    let busyhour = if arguments.rust { "cargo run --release --" } else { "busyhour" };
    told.push_str(&format!("\nNow:\n\n  cd {}\n", shell_quoted(&dir.to_string())));
    for (verb, what) in
        [("run", "run the scenarios"), ("steps", "what can be written"), ("check", "is what was written right?")]
    {
        let line = format!("{busyhour} {verb}");
        told.push_str(&format!("  {line:31}# {what}\n"));
    }
    told
}

/// Writes all files, or none if one of them is there.
fn make(arguments: &InitArgs) -> Result<Made, InitError> {
    let dir = &arguments.dir;
    // The nearest of the folders around it that is anything at all must be a folder.
    if let Some(there) = dir.ancestors().find(|path| path.symlink_metadata().is_ok())
        && !there.is_dir()
    {
        return Err(InitError::NotAFolder(there.to_owned()));
    }
    let source = match (arguments.rust, &arguments.path, &arguments.git) {
        (false, ..) => None,
        (true, Some(path), _) => Some(Source::Path(source_at(path)?)),
        (true, None, Some(url)) => Some(Source::Git(url.clone())),
        (true, None, None) => return Err(InitError::NoSource),
    };
    let mut files = files(source.as_ref());
    let is_there = |file: &str| dir.join(file).symlink_metadata().is_ok();
    let kept = SHARED.iter().filter(|(file, _)| is_there(file)).map(|(_, what)| *what).collect();
    files.retain(|(file, _)| !(is_there(file) && SHARED.iter().any(|(shared, _)| shared == file)));
    let there: Vec<PathBuf> = files.iter().filter(|(file, _)| is_there(file)).map(|(file, _)| dir.join(file)).collect();
    if !there.is_empty() {
        return Err(InitError::There(there));
    }
    let missing: Vec<PathBuf> = folders_missing(dir, &files);
    for (at, (file, text)) in files.iter().enumerate() {
        let path = dir.join(file);
        let folder = path.parent().unwrap_or(dir);
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
        if let Err(error) = written {
            // Nothing is half made; what can't be taken away again, is in nobody's way.
            for (file, _) in &files[..=at] {
                let _ = fs::remove_file(dir.join(file));
            }
            for folder in &missing {
                let _ = fs::remove_dir(folder);
            }
            return Err(InitError::Unwritable { file: path, error });
        }
    }
    Ok(Made { files: files.into_iter().map(|(file, _)| PathBuf::from(file)).collect(), kept })
}

/// What a repository may well have already, and what is said then.
const SHARED: &[(&str, &str)] = &[
    (".gitignore", ".gitignore: it should name target/, where runs leave their records"),
    (vscode::SETTINGS, ".vscode/settings.json: `busyhour steps --format vscode` says what to add for the editor"),
];

/// The folders that are made for these files, the innermost first.
fn folders_missing(dir: &Path, files: &[(&'static str, String)]) -> Vec<PathBuf> {
    let paths: Vec<PathBuf> = files.iter().map(|(file, _)| dir.join(file)).collect();
    let around = paths.iter().flat_map(|path| path.ancestors().skip(1));
    let missing: BTreeSet<&Path> = around.filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()).collect();
    missing.into_iter().rev().map(Path::to_owned).collect()
}

/// The whole path of busyhour's sources.
fn source_at(path: &Path) -> Result<PathBuf, InitError> {
    let manifest = path.join("scenarios").join("Cargo.toml");
    match path.canonicalize() {
        Ok(whole) if manifest.is_file() => Ok(whole),
        _ => Err(InitError::NotTheSource(path.to_owned(), manifest)),
    }
}

/// What is made, each with its text.
fn files(source: Option<&Source>) -> Vec<(&'static str, String)> {
    let (install, busyhour) = match source {
        Some(Source::Git(_)) => ("", "cargo run --release --"),
        Some(Source::Path(_)) => (ADDED_IN_CI, "cargo run --release --"),
        None => (INSTALLED_IN_CI, "busyhour"),
    };
    let workflow = include_str!("../init/workflow.yml").replace("{install}", install).replace("{busyhour}", busyhour);
    let mut files = vec![
        ("features/first_call.feature", include_str!("../init/features/first_call.feature").to_owned()),
        ("features/sale_told_twice.feature", include_str!("../init/features/sale_told_twice.feature").to_owned()),
        ("features/networks/warehouse.toml", include_str!("../init/features/networks/warehouse.toml").to_owned()),
        ("busyhour.toml", include_str!("../init/busyhour.toml").to_owned()),
        (".github/workflows/busyhour.yml", workflow),
        (".gitignore", "target/\n".to_owned()),
    ];
    files.extend(vscode::files(&Sought::new(&Vocabulary::of_this_build(), &[], &[])));
    if let Some(source) = source {
        let manifest = include_str!("../init/rust/Cargo.toml.in")
            .replace("{harness}", &source.dependency("harness"))
            .replace("{scenarios}", &source.dependency("scenarios"));
        files.extend([
            ("features/own_steps.feature", include_str!("../init/features/own_steps.feature").to_owned()),
            ("Cargo.toml", manifest),
            ("Cargo.lock", LOCK.to_owned()),
            (".cargo/config.toml", include_str!("../init/rust/config.toml").to_owned()),
            ("src/main.rs", include_str!("../init/rust/main.rs").to_owned()),
            ("src/steps.rs", include_str!("../init/rust/steps.rs").to_owned()),
        ]);
    }
    files
}

/// The versions of other people's crates that this build was made of and tested with; cargo takes out of it what isn't
/// needed.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// `cargo install` reads no configuration of the repository that it installs from.
const INSTALLED_IN_CI: &str = r#"      # Wherever your busyhour comes from: a variable of the repository names it.
      - run: cargo install --git "$BUSYHOUR_GIT" busyhour-scenarios --locked
        env:
          BUSYHOUR_GIT: ${{ vars.BUSYHOUR_GIT }}
          RUSTFLAGS: --cfg tokio_unstable
"#;

/// A path is one of the machine that it was typed on.
const ADDED_IN_CI: &str = r#"      # Cargo.toml names busyhour by a path of your machine. Here it comes from where a variable of the repository says.
      - run: cargo add --git "$BUSYHOUR_GIT" busyhour busyhour-scenarios
        env:
          BUSYHOUR_GIT: ${{ vars.BUSYHOUR_GIT }}
"#;
