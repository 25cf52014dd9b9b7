//! A contract's file: what it says, and what is refused.

use super::*;

const GOOD: &str = "name = \"slow\"\n[timeouts]\ntotal = \"5s\"\n";

fn contract(text: &str) -> Contract {
    Contract::read(Path::new("slow.toml"), text).expect("a good contract")
}

fn error(text: &str) -> String {
    Contract::read(Path::new("slow.toml"), text).expect_err("a bad contract").to_string()
}
