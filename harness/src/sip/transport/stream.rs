//! A TCP connection's task.

use std::io;
use std::net::SocketAddrV4;
use std::pin::pin;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc::UnboundedReceiver;

use super::{Line, News};
use crate::net::TcpStream;
use crate::sip::Framer;

/// How much is read at once.
const CHUNK: usize = 16 * 1024;

/// Opens a connection and serves it.
pub(super) async fn open(line: Line, remote: SocketAddrV4) {
    match line.host.connect(remote).await {
        Ok(stream) => {
            line.report(News::Opened(line.id));
            run(line, stream, Framer::opened()).await;
        }
        Err(error) => line.report(News::Closed(line.id, error.to_string())),
    }
}

/// Serves a connection that came in.
pub(super) async fn serve(line: Line, stream: TcpStream) {
    line.report(News::Opened(line.id));
    run(line, stream, Framer::accepted()).await;
}

/// Reads and writes at the same time, so that two ends that both have much to say don't wait for each other.
async fn run(mut line: Line, stream: TcpStream, framer: Framer) {
    let (reader, writer) = tokio::io::split(stream);
    let (id, reporter) = (line.id, line.reporter.clone());
    let report = |news| {
        // Nobody listens once the transports are dropped.
        let _ = reporter.send(news);
    };
    let why = {
        let reading = pin!(read_all(reader, framer, |framed| {
            report(match framed {
                Ok(framed) => News::Framed(id, framed),
                Err((raw, error)) => News::Malformed(id, raw, error),
            });
        }));
        let writing = pin!(write_all(writer, &mut line.mail));
        tokio::select! {
            biased;
            why = reading => Some(why),
            done = writing => done.err().map(|error| error.to_string()),
        }
    };
    if let Some(why) = why {
        report(News::Closed(id, why));
    }
}

type Framed = Result<crate::sip::Framed, (Bytes, crate::sip::ReadError)>;

/// Returns why nothing more comes.
async fn read_all(mut reader: ReadHalf<TcpStream>, mut framer: Framer, report: impl Fn(Framed)) -> String {
    let mut chunk = vec![0; CHUNK];
    loop {
        match reader.read(&mut chunk).await {
            Ok(0) => return "the other end has closed the connection".to_owned(),
            Ok(length) => framer.push(&chunk[..length]),
            Err(error) => return error.to_string(),
        }
        while let Some(framed) = framer.next() {
            report(framed.map_err(|error| (framer.refused().clone(), error)));
        }
        if framer.is_lost() {
            // RFC 3261 section 18.3 has no way to find the next message.
            return "nobody knows where the next message begins".to_owned();
        }
    }
}

/// Writes until there'll be nothing more, then takes its leave.
async fn write_all(mut writer: WriteHalf<TcpStream>, mail: &mut UnboundedReceiver<Bytes>) -> io::Result<()> {
    while let Some(payload) = mail.recv().await {
        writer.write_all(&payload).await?;
        writer.flush().await?;
    }
    writer.shutdown().await
}
