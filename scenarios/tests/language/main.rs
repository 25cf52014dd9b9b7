//! What QA writes, and what stands by them while they do: `check`, `steps`, phrases of their own, other languages, `watch`.

mod check;
mod composites;
#[path = "../home/mod.rs"]
mod home;
mod steps;
mod watch;
