//! Where a test starts the command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder of one test, in which its command is started.
pub struct Home(pub PathBuf);

impl Home {
    pub fn new(name: &str) -> Home {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME")).join(name);
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(&home).unwrap();
        Home(home)
    }

    pub fn with(self, file: &str, text: &str) -> Home {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    pub fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.0).env("CI", "true").env_remove("RUST_BACKTRACE");
        // Whoever is started by cargo replays by cargo.
        command.env_remove("CARGO");
        command.stdin(Stdio::null());
        command
    }

    /// Exit code, standard output and standard error as one text; wall time is taken out.
    pub fn told(&self, program: &Path, arguments: &[&str]) -> String {
        shown(self.command(program, arguments).output().unwrap())
    }
}

pub fn shown(output: Output) -> String {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let stderr: String = text(output.stderr)
        .lines()
        .map(|line| if line.starts_with("Took ") { "Took (wall time)\n".to_owned() } else { format!("{line}\n") })
        .collect();
    format!("exit {}\n--- stdout\n{}--- stderr\n{stderr}", output.status.code().unwrap(), text(output.stdout))
}

pub fn busyhour() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_busyhour"))
}

/// The example with steps of its own, which lies beside the tests.
pub fn own_steps() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let example = test.parent().unwrap().parent().unwrap().join("examples").join("own_steps");
    assert!(example.exists(), "build the example too: cargo test -p busyhour-scenarios, without --test");
    example
}
