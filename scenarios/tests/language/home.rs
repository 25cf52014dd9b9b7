//! A folder of one test, in which the command is started.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub struct Home(pub PathBuf);

impl Home {
    pub fn new(name: &str) -> Home {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("language").join(name);
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(&home).unwrap();
        Home(home)
    }

    pub fn with(self, file: &str, text: &str) -> Home {
        self.save(file, text);
        self
    }

    pub fn save(&self, file: &str, text: &str) {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_busyhour"));
        command.args(arguments).current_dir(&self.0).env("CI", "true").env_remove("RUST_BACKTRACE");
        // Whoever is started by cargo replays by cargo.
        command.env_remove("CARGO").stdin(Stdio::null());
        command
    }

    /// Exit code, standard output and standard error as one text; wall time is taken out.
    pub fn told(&self, arguments: &[&str]) -> String {
        shown(self.command(arguments).output().unwrap())
    }
}

fn shown(output: Output) -> String {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let stderr: String = text(output.stderr)
        .lines()
        .map(|line| if line.starts_with("Took ") { "Took (wall time)\n".to_owned() } else { format!("{line}\n") })
        .collect();
    format!("exit {}\n--- stdout\n{}--- stderr\n{stderr}", output.status.code().unwrap(), text(output.stdout))
}
