//! The operating system's sockets, for live mode: each host has a loopback address of its own, and the taps sit at
//! the sockets.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil_net::TcpFlags;

use crate::trace::{HostId, Stage};

use super::packet::{Body, Segment};
use super::{TcpStream, the_net};

/// A datagram's largest payload and then some.
const BUFFER: usize = 65_536;

fn v4(address: SocketAddr) -> SocketAddrV4 {
    match address {
        SocketAddr::V4(address) => address,
        SocketAddr::V6(_) => unreachable!("live hosts have IPv4 addresses"),
    }
}

/// A real UDP socket.
pub(crate) struct LiveUdp {
    host: HostId,
    socket: tokio::net::UdpSocket,
    local: SocketAddrV4,
}

impl LiveUdp {
    pub(crate) async fn bind(host: HostId, address: Ipv4Addr, port: u16) -> io::Result<LiveUdp> {
        let socket = tokio::net::UdpSocket::bind((address, port)).await?;
        let local = v4(socket.local_addr()?);
        // So that the first datagram needn't wait for the system to say so.
        socket.writable().await?;
        Ok(LiveUdp { host, socket, local })
    }

    pub(crate) fn local(&self) -> SocketAddrV4 {
        self.local
    }

    pub(crate) async fn send_to(&self, payload: Bytes, to: SocketAddrV4) -> io::Result<()> {
        self.socket.send_to(&payload, to).await?;
        // Not before: whoever gives up while the socket isn't ready has sent nothing. Its receiver is of this thread, too.
        the_net().tap_live(self.host, self.local, to, Body::Udp(payload), Stage::Sent);
        Ok(())
    }

    pub(crate) async fn recv(&self) -> io::Result<(Bytes, SocketAddrV4)> {
        let mut buffer = vec![0; BUFFER];
        let (length, from) = self.socket.recv_from(&mut buffer).await?;
        Ok(self.received(&buffer[..length], from))
    }

    pub(crate) fn try_recv(&self) -> io::Result<Option<(Bytes, SocketAddrV4)>> {
        let mut buffer = vec![0; BUFFER];
        match self.socket.try_recv_from(&mut buffer) {
            Ok((length, from)) => Ok(Some(self.received(&buffer[..length], from))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn received(&self, bytes: &[u8], from: SocketAddr) -> (Bytes, SocketAddrV4) {
        let payload = Bytes::copy_from_slice(bytes);
        let from = v4(from);
        the_net().tap_live(self.host, from, self.local, Body::Udp(payload.clone()), Stage::Arrived);
        (payload, from)
    }

    pub(crate) async fn connect(&self, peer: SocketAddrV4) -> io::Result<()> {
        self.socket.connect(peer).await
    }
}

/// A real TCP connection.
pub(crate) struct LiveTcp {
    host: HostId,
    stream: tokio::net::TcpStream,
    local: SocketAddrV4,
    peer: SocketAddrV4,
    written: u32,
    read: u32,
}

impl LiveTcp {
    fn new(host: HostId, stream: tokio::net::TcpStream) -> io::Result<LiveTcp> {
        let (local, peer) = (v4(stream.local_addr()?), v4(stream.peer_addr()?));
        Ok(LiveTcp { host, stream, local, peer, written: 0, read: 0 })
    }

    pub(crate) async fn connect(host: HostId, from: Ipv4Addr, to: SocketAddrV4) -> io::Result<LiveTcp> {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((from, 0)))?;
        let stream = socket.connect(SocketAddr::V4(to)).await?;
        LiveTcp::new(host, stream)
    }

    pub(crate) fn local(&self) -> SocketAddrV4 {
        self.local
    }

    pub(crate) fn peer(&self) -> SocketAddrV4 {
        self.peer
    }

    /// Closes it by a reset.
    pub(crate) fn reset(self) {
        // Where the system can't, it's closed as ever.
        let _ = self.stream.set_zero_linger();
    }

    /// What went through the socket, as a segment: where the system cut its own, nobody can see from here.
    fn tap(&self, (src, dst): (SocketAddrV4, SocketAddrV4), numbers: (u32, u32), bytes: &[u8], stage: Stage) {
        let flags = TcpFlags { ack: true, psh: true, ..TcpFlags::default() };
        let (seq, ack) = numbers;
        let payload = Bytes::copy_from_slice(bytes);
        let segment = Segment { seq, ack, flags, window: u16::MAX, payload };
        the_net().tap_live(self.host, src, dst, Body::Tcp(segment), stage);
    }
}

impl AsyncRead for LiveTcp {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let bytes = &buffer.filled()[before..];
        for piece in bytes.chunks(LIVE_SEGMENT) {
            self.tap((self.peer, self.local), (self.read, self.written), piece, Stage::Arrived);
            self.read = self.read.wrapping_add(piece.len() as u32);
        }
        Poll::Ready(Ok(()))
    }
}

/// A capture's packet holds fewer than 65,536 bytes.
const LIVE_SEGMENT: usize = 32 * 1024;

impl AsyncWrite for LiveTcp {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        for piece in bytes[..written].chunks(LIVE_SEGMENT) {
            self.tap((self.local, self.peer), (self.written, self.read), piece, Stage::Sent);
            self.written = self.written.wrapping_add(piece.len() as u32);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A real listening socket.
pub(crate) struct LiveListener {
    host: HostId,
    listener: tokio::net::TcpListener,
    local: SocketAddrV4,
}

impl LiveListener {
    pub(crate) async fn bind(host: HostId, address: Ipv4Addr, port: u16) -> io::Result<LiveListener> {
        let listener = tokio::net::TcpListener::bind((address, port)).await?;
        let local = v4(listener.local_addr()?);
        Ok(LiveListener { host, listener, local })
    }

    pub(crate) fn local(&self) -> SocketAddrV4 {
        self.local
    }

    pub(crate) async fn accept(&self) -> io::Result<(TcpStream, SocketAddrV4)> {
        let (stream, peer) = self.listener.accept().await?;
        let stream = LiveTcp::new(self.host, stream)?;
        Ok((TcpStream::live(stream), v4(peer)))
    }
}
