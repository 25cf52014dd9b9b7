//! stub
use super::link::Impairment;
#[derive(Debug, Clone)] pub struct Profile { pub name: String, pub up: Vec<Impairment>, pub down: Vec<Impairment> }
#[derive(Debug, Clone, thiserror::Error)] #[error("unknown")] pub struct UnknownProfile;
#[derive(Debug, Clone, Default)] pub struct Profiles(Vec<Profile>);
impl Profiles { pub fn builtin() -> Profiles { Profiles::default() } pub fn get(&self, _: &str) -> Result<&Profile, UnknownProfile> { self.0.first().ok_or(UnknownProfile) } }
