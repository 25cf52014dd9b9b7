//! `busyhour init`: a folder that works at once.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{EXIT_BUG, EXIT_PASSED, EXIT_USAGE, complain, exit_unless_read};

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

/// Makes the folder.
pub(super) fn init(arguments: &InitArgs) -> ExitCode {
    match make(arguments) {
        Ok(files) => {
            let dir = arguments.dir.display();
            let (run, check, steps) = match arguments.rust {
                true => ("cargo run --release -- run", "cargo run --release -- check", "cargo run --release -- steps"),
                false => ("busyhour run", "busyhour check", "busyhour steps"),
            };
            let mut told = format!("Made {} files in {dir}:\n\n", files.len());
            files.iter().for_each(|file| told.push_str(&format!("  {}\n", file.display())));
            told.push_str(&format!("\nNow:\n\n  cd {dir}\n"));
            for (command, what) in
                [(run, "run the scenarios"), (steps, "what can be written"), (check, "is what was written right?")]
            {
                told.push_str(&format!("  {command:31}# {what}\n"));
            }
            exit_unless_read(io::stdout().write_all(told.as_bytes()), EXIT_PASSED)
        }
        Err(error) => {
            complain(&format!("busyhour: {error}"));
            ExitCode::from(if matches!(error, InitError::Unwritable { .. }) { EXIT_BUG } else { EXIT_USAGE })
        }
    }
}

/// Writes all files, or none if one of them is there.
fn make(arguments: &InitArgs) -> Result<Vec<PathBuf>, InitError> {
    let dir = &arguments.dir;
    if dir.is_file() {
        return Err(InitError::NotAFolder(dir.clone()));
    }
    let source = match (arguments.rust, &arguments.path, &arguments.git) {
        (false, ..) => None,
        (true, Some(path), _) => Some(Source::Path(source_at(path)?)),
        (true, None, Some(url)) => Some(Source::Git(url.clone())),
        (true, None, None) => return Err(InitError::NoSource),
    };
    let files = files(source.as_ref());
    let there: Vec<PathBuf> = files.iter().map(|(file, _)| dir.join(file)).filter(|file| file.exists()).collect();
    if !there.is_empty() {
        return Err(InitError::There(there));
    }
    for (file, text) in &files {
        let path = dir.join(file);
        let folder = path.parent().unwrap_or(dir);
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
        written.map_err(|error| InitError::Unwritable { file: path.clone(), error })?;
    }
    Ok(files.into_iter().map(|(file, _)| PathBuf::from(file)).collect())
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
        Some(_) => ("", "cargo run --release --"),
        None => (
            "      # Wherever your busyhour comes from:\n      - run: cargo install --git \"$BUSYHOUR_GIT\" busyhour-scenarios --locked\n        env:\n          BUSYHOUR_GIT: ${{ vars.BUSYHOUR_GIT }}\n          RUSTFLAGS: --cfg tokio_unstable\n",
            "busyhour",
        ),
    };
    let workflow = include_str!("../init/workflow.yml").replace("{install}", install).replace("{busyhour}", busyhour);
    let mut files = vec![
        ("features/first_call.feature", include_str!("../init/features/first_call.feature").to_owned()),
        ("features/sale_told_twice.feature", include_str!("../init/features/sale_told_twice.feature").to_owned()),
        ("features/networks/warehouse.toml", include_str!("../init/features/networks/warehouse.toml").to_owned()),
        ("busyhour.toml", include_str!("../init/busyhour.toml").to_owned()),
        (".github/workflows/busyhour.yml", workflow),
        (".vscode/settings.json", include_str!("../init/settings.json").to_owned()),
    ];
    if let Some(source) = source {
        let manifest = include_str!("../init/rust/Cargo.toml.in")
            .replace("{harness}", &source.dependency("harness"))
            .replace("{scenarios}", &source.dependency("scenarios"));
        files.extend([
            ("features/own_steps.feature", include_str!("../init/features/own_steps.feature").to_owned()),
            ("Cargo.toml", manifest),
            (".cargo/config.toml", include_str!("../init/rust/config.toml").to_owned()),
            (".gitignore", "target/\n".to_owned()),
            ("src/main.rs", include_str!("../init/rust/main.rs").to_owned()),
            ("src/steps.rs", include_str!("../init/rust/steps.rs").to_owned()),
        ]);
    }
    files
}
