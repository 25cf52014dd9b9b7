//! stub
use std::{fmt, net::{Ipv4Addr, SocketAddrV4}, time::Duration};
use crate::trace::SimTime;
#[derive(Debug, Clone, Copy, PartialEq, Eq)] pub enum NatKind { FullCone }
impl fmt::Display for NatKind { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str("x") } }
#[derive(Debug, Clone, Copy)] pub enum NatProtocol { Udp, Tcp }
pub struct Nat(Ipv4Addr);
impl Nat { pub fn new(_: NatKind, a: Ipv4Addr) -> Nat { Nat(a) }
 pub fn set_udp_lifetime(&mut self, _: Duration) {}
 pub fn outside(&self) -> Ipv4Addr { self.0 }
 pub fn outbound(&mut self, _: SimTime, _: NatProtocol, i: SocketAddrV4, _: SocketAddrV4) -> SocketAddrV4 { i }
 pub fn inbound(&mut self, _: SimTime, _: NatProtocol, e: SocketAddrV4, _: SocketAddrV4) -> Result<SocketAddrV4, ()> { Ok(e) }
 pub fn forget_bindings(&mut self) -> usize { 0 } }
