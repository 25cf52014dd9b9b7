//! stub
use std::net::Ipv4Addr; use super::names::Service;
#[derive(Default)] pub struct Zone;
impl Zone { pub fn answer(&self, _: &[u8]) -> Option<Vec<u8>> { None } pub fn remove_addresses(&mut self, _: &str) {} pub fn add_address(&mut self, _: &str, _: Ipv4Addr) {} pub fn add_service(&mut self, _:&str,_:u16,_:u16,_:u16,_:&str){} }
pub struct Query; impl Query { pub fn a(_: u16, _: &str) -> Query { Query } pub fn srv(_: u16, _: &str) -> Query { Query } pub fn encode(&self) -> Vec<u8> { vec![] } }
pub struct Answer { pub addresses: Vec<Ipv4Addr>, pub services: Vec<Service> }
#[derive(Debug, thiserror::Error)] pub enum DnsError { #[error("x")] NotOurs{}, #[error("y")] NoSuchName(String) }
pub fn parse_answer(_: &[u8], _: u16, _: &str) -> Result<Answer, DnsError> { Err(DnsError::NotOurs{}) }
