//! A folder of one test, in which its command is started.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub struct Home(pub PathBuf);

impl Home {
    /// A fresh folder of that name, among those of that test file.
    pub fn new(file: &str, name: &str) -> Home {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file).join(name);
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(&home).unwrap();
        // Nobody's busyhour.toml further up is in force here.
        fs::create_dir(home.join(".git")).unwrap();
        Home(home)
    }

    pub fn with(self, file: &str, text: &str) -> Home {
        self.write(file, text);
        self
    }

    pub fn write(&self, file: &str, text: &str) {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// The command with the words of a line as its arguments.
    pub fn busyhour(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_busyhour"));
        command.args(line.split_whitespace());
        self.here(command)
    }

    /// A line of the shell; `$BUSYHOUR` is the command.
    pub fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]).env("BUSYHOUR", env!("CARGO_BIN_EXE_busyhour"));
        self.here(command)
    }

    fn here(&self, mut command: Command) -> Command {
        command.current_dir(&self.0).env("CI", "true").env_remove("RUST_BACKTRACE").env_remove("CARGO");
        command.stdin(Stdio::null());
        command
    }

    /// Exit code, standard output and standard error as one text; wall time is taken out.
    pub fn told(&self, line: &str) -> String {
        shown(self.busyhour(line).output().unwrap())
    }

    /// The same for several lines, each behind itself.
    pub fn all_told(&self, lines: &[&str]) -> String {
        let told = lines.iter().map(|line| format!("$ busyhour {line}\n{}", self.told(line)));
        told.collect::<Vec<_>>().join("\n")
    }
}

pub fn shown(output: Output) -> String {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let stderr: String = text(output.stderr)
        .lines()
        .map(|line| if line.starts_with("Took ") { "Took (wall time)\n".to_owned() } else { format!("{line}\n") })
        .collect();
    let code = output.status.code().map_or_else(|| output.status.to_string(), |code| code.to_string());
    format!("exit {code}\n--- stdout\n{}--- stderr\n{stderr}", text(output.stdout))
}
