//! rsipstack on a host of the universe: a phone whose SIP no one here wrote.
//!
//! Its parser, transactions, dialogs and digest are its own; from here come sockets, and what a person does. Over UDP it
//! gets a socket, and repeats what is lost by its own timers. Over TCP it gets messages one by one: it knows no stream
//! but tokio's, which is a real one.

// The size of rsipstack's errors is its own affair.
#![allow(clippy::result_large_err)]

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use busyhour::net::{TcpStream, UdpSocket};
use busyhour::sip::{Framed, Framer, Transport};
use busyhour::world::Host;
use rsipstack::dialog::DialogId;
use rsipstack::dialog::authenticate::Credential;
use rsipstack::dialog::dialog::{DialogState, TerminatedReason};
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::dialog::invitation::InviteOption;
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::dialog::registration::Registration;
use rsipstack::platform::CancellationToken;
use rsipstack::sip::typed::Contact;
use rsipstack::sip::{Method, Response, SipMessage, StatusCode, Uri};
use rsipstack::transaction::endpoint::Endpoint;
use rsipstack::transaction::{EndpointBuilder, TransactionReceiver};
use rsipstack::transport::channel::ChannelConnection;
use rsipstack::transport::transport_layer::DomainResolver;
use rsipstack::transport::udp::UdpConnection;
use rsipstack::transport::{SipAddr, SipConnection, TransportEvent, TransportLayer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What rsipstack says.
type Outcome<T> = Result<T, rsipstack::Error>;

/// Who somebody is at a registrar.
#[derive(Debug, Clone)]
pub struct Account {
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: String,
    /// The SIP domain, or an address and port.
    pub domain: String,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The caller hung up.
    CallerHungUp,
    /// The callee hung up.
    CalleeHungUp,
    /// The caller gave up before an answer.
    Cancelled,
    /// Nobody acknowledged, or nobody answered.
    TimedOut,
    /// Anything else, such as a refusal: rsipstack's own word for it.
    Other(String),
}

/// rsipstack as a phone. It lives in the task of its host that opened it, and in those that rsipstack spawns.
pub struct Phone {
    endpoint: Endpoint,
    dialogs: Arc<DialogLayer>,
    registration: Registration,
    account: Account,
    contact: Uri,
    local: SocketAddrV4,
    /// The description of a session that it offers and answers with.
    pub description: Vec<u8>,
    ringing: UnboundedReceiver<InviteDialog>,
    raw_states: UnboundedSender<DialogState>,
    states: UnboundedReceiver<DialogState>,
    seen: VecDeque<DialogState>,
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.endpoint.shutdown();
    }
}

impl Phone {
    /// A phone on `host`: over UDP it finds its registrar by name, over TCP it's connected to `server`.
    ///
    /// # Errors
    /// The port is taken, or nobody listens there.
    ///
    /// # Panics
    /// rsipstack refuses what it should take.
    pub async fn open(
        host: &Host,
        over: Transport,
        server: SocketAddrV4,
        account: Account,
        description: Vec<u8>,
    ) -> io::Result<Phone> {
        let token = CancellationToken::new();
        let mut transports =
            TransportLayer::new_with_domain_resolver(token.clone(), Box::new(Names { host: host.clone(), server }));
        let local = match over {
            Transport::Udp => {
                let socket = Datagrams(host.udp(5060).await?);
                let local = socket.0.local_addr();
                let connection = UdpConnection::from_socket(Arc::new(socket), None, Some(token.clone()));
                transports.add_transport(connection.await.expect("a socket has an address").into());
                local
            }
            Transport::Tcp => {
                let stream = host.connect(server).await?;
                let local = stream.local_addr();
                let address = sip_address(over, local);
                let connection = connect(stream, address.clone()).await;
                transports.add_connection(connection);
                // The only way that there is, whatever a message's target says.
                transports.outbound = Some(address);
                local
            }
            Transport::Ws => panic!("rsipstack's WebSocket isn't built in"),
        };
        let endpoint = EndpointBuilder::new()
            .with_user_agent("rsipstack")
            .with_cancel_token(token)
            .with_transport_layer(transports)
            .build();
        let inner = endpoint.inner.clone();
        tokio::spawn(async move { inner.serve().await });

        let dialogs = Arc::new(DialogLayer::new(endpoint.inner.clone()));
        let credential = credential(&account);
        let registration = Registration::new(endpoint.inner.clone(), Some(credential.clone()));
        let contact = uri(&match over {
            Transport::Udp => format!("sip:{}@{local}", account.user),
            _ => format!("sip:{}@{local};transport=tcp", account.user),
        });
        let (raw_states, raw) = unbounded_channel();
        let (told, states) = unbounded_channel();
        let (rings, ringing) = unbounded_channel();
        let incoming = endpoint.incoming_transactions().expect("nobody took them before");
        tokio::spawn(pass_on(dialogs.clone(), raw, told, description.clone()));
        tokio::spawn(receive(dialogs.clone(), incoming, raw_states.clone(), rings, credential, contact.clone()));
        Ok(Phone {
            endpoint,
            dialogs,
            registration,
            account,
            contact,
            local,
            description,
            ringing,
            raw_states,
            states,
            seen: VecDeque::new(),
        })
    }

    /// Where it is.
    pub fn local(&self) -> SocketAddrV4 {
        self.local
    }

    /// Registers for so many seconds, 0 to unregister; the registrar's last word.
    ///
    /// # Errors
    /// Nobody answered, or what rsipstack couldn't do.
    pub async fn register(&mut self, seconds: u32) -> Outcome<u16> {
        let contact = Contact { display_name: None, uri: self.contact.clone(), params: Vec::new() };
        self.registration.contact = Some(contact);
        let registrar = uri(&format!("sip:{}", self.account.domain));
        let response = self.registration.register(registrar, Some(seconds)).await?;
        Ok(response.status_code.code())
    }

    /// Calls somebody of the same domain and waits for the final answer.
    ///
    /// # Errors
    /// What rsipstack couldn't do.
    pub async fn call(&mut self, whom: &str) -> Outcome<(InviteDialog, Option<u16>)> {
        let (dialog, response) = self.dialogs.do_invite(self.invitation(whom), self.raw_states.clone()).await?;
        Ok((dialog, status(response)))
    }

    /// Calls somebody without waiting for an answer.
    ///
    /// # Errors
    /// What rsipstack couldn't do.
    pub fn dial(&mut self, whom: &str) -> Result<InviteDialog, Box<rsipstack::Error>> {
        let (dialog, _) = self.dialogs.do_invite_async(self.invitation(whom), self.raw_states.clone())?;
        Ok(dialog)
    }

    fn invitation(&self, whom: &str) -> InviteOption {
        InviteOption {
            caller: uri(&format!("sip:{}@{}", self.account.user, self.account.domain)),
            callee: uri(&format!("sip:{whom}@{}", self.account.domain)),
            contact: self.contact.clone(),
            credential: Some(credential(&self.account)),
            offer: Some(self.description.clone()),
            ..InviteOption::default()
        }
    }

    /// Waits until somebody calls.
    ///
    /// # Panics
    /// The phone has been switched off.
    pub async fn rings(&mut self) -> InviteDialog {
        self.ringing.recv().await.expect("the phone is on")
    }

    /// Answers a call.
    ///
    /// # Errors
    /// What rsipstack couldn't do.
    pub fn answer(&self, call: &InviteDialog) -> Result<(), Box<rsipstack::Error>> {
        let kind = rsipstack::sip::Header::ContentType("application/sdp".into());
        Ok(call.accept(Some(vec![kind]), Some(self.description.clone()))?)
    }

    /// Waits until a call's dialog is in a state that `wanted` recognises.
    ///
    /// # Panics
    /// The phone has been switched off.
    pub async fn until<T>(&mut self, wanted: impl Fn(&DialogState) -> Option<T>) -> T {
        loop {
            while let Some(state) = self.seen.pop_front() {
                if let Some(found) = wanted(&state) {
                    return found;
                }
            }
            self.seen.push_back(self.states.recv().await.expect("the phone is on"));
        }
    }

    /// Waits until the other end rings.
    pub async fn rings_there(&mut self) {
        self.until(|state| matches!(state, DialogState::Early(..)).then_some(())).await;
    }

    /// Waits until an answer of ours was acknowledged.
    pub async fn acknowledged(&mut self) {
        self.until(|state| matches!(state, DialogState::Confirmed(..)).then_some(())).await;
    }

    /// Waits until a call is over, and how.
    pub async fn ended(&mut self) -> End {
        self.until(|state| match state {
            DialogState::Terminated(_, reason) => Some(match reason {
                TerminatedReason::UacBye => End::CallerHungUp,
                TerminatedReason::UasBye => End::CalleeHungUp,
                TerminatedReason::UacCancel | TerminatedReason::UasOther(StatusCode::RequestTerminated) => {
                    End::Cancelled
                }
                TerminatedReason::Timeout => End::TimedOut,
                other => End::Other(format!("{other:?}")),
            }),
            _ => None,
        })
        .await
    }

    /// How many dialogs rsipstack keeps.
    pub fn calls(&self) -> usize {
        self.dialogs.len()
    }

    /// How many of its transactions aren't over.
    pub fn transactions(&self) -> usize {
        self.endpoint.inner.get_stats().running_transactions
    }
}

fn status(response: Option<Response>) -> Option<u16> {
    response.map(|response| response.status_code.code())
}

fn credential(account: &Account) -> Credential {
    Credential { username: account.user.clone(), password: account.password.clone(), ..Credential::default() }
}

fn uri(text: &str) -> Uri {
    Uri::try_from(text).unwrap_or_else(|error| panic!("rsipstack can't read {text}: {error}"))
}

fn sip_address(transport: Transport, address: SocketAddrV4) -> SipAddr {
    let transport = match transport {
        Transport::Udp => rsipstack::sip::Transport::Udp,
        Transport::Tcp => rsipstack::sip::Transport::Tcp,
        Transport::Ws => rsipstack::sip::Transport::Ws,
    };
    SipAddr::new(transport, SocketAddr::from(address).into())
}

/// Tells of the dialogs' states, and agrees to whatever the other side wants to change.
async fn pass_on(
    dialogs: Arc<DialogLayer>,
    mut raw: UnboundedReceiver<DialogState>,
    told: UnboundedSender<DialogState>,
    description: Vec<u8>,
) {
    while let Some(state) = raw.recv().await {
        match &state {
            DialogState::Updated(_, request, handle) => {
                let body = (!request.body.is_empty()).then(|| description.clone());
                let kind = rsipstack::sip::Header::ContentType("application/sdp".into());
                let headers = body.is_some().then(|| vec![kind]);
                let _ = handle.respond(StatusCode::OK, headers, body).await;
            }
            DialogState::Info(_, _, handle)
            | DialogState::Options(_, _, handle)
            | DialogState::Notify(_, _, handle)
            | DialogState::Message(_, _, handle) => {
                let _ = handle.reply(StatusCode::OK).await;
            }
            DialogState::Refer(_, _, handle) => {
                let _ = handle.reply(StatusCode::Decline).await;
            }
            DialogState::Terminated(id, _) => dialogs.remove_dialog(id),
            _ => {}
        }
        if told.send(state).is_err() {
            return;
        }
    }
}

/// Takes in what others ask for: a call rings at once, what belongs to one goes there.
async fn receive(
    dialogs: Arc<DialogLayer>,
    mut incoming: TransactionReceiver,
    states: UnboundedSender<DialogState>,
    rings: UnboundedSender<InviteDialog>,
    credential: Credential,
    contact: Uri,
) {
    while let Some(mut transaction) = incoming.recv().await {
        if let Some(mut dialog) = dialogs.match_dialog(&transaction) {
            tokio::spawn(async move { dialog.handle(&mut transaction).await });
            continue;
        }
        let outside = DialogId::try_from(&transaction).is_ok_and(|id| id.local_tag.is_empty());
        match transaction.original.method {
            Method::Invite if outside => {
                let (states, credential) = (states.clone(), Some(credential.clone()));
                let Ok(mut dialog) =
                    dialogs.get_or_create_server_invite(&transaction, states, credential, Some(contact.clone()))
                else {
                    continue;
                };
                let _ = dialog.ringing(None, None);
                let _ = rings.send(dialog.clone());
                tokio::spawn(async move { dialog.handle(&mut transaction).await });
            }
            Method::Options if outside => {
                tokio::spawn(async move { transaction.reply(StatusCode::OK).await });
            }
            _ => {
                tokio::spawn(async move { transaction.reply(StatusCode::CallTransactionDoesNotExist).await });
            }
        }
    }
}

/// A socket of ours, as rsipstack wants one.
struct Datagrams(UdpSocket);

#[async_trait]
impl rsipstack::platform::net::UdpSocket for Datagrams {
    async fn recv_from(&self, buffer: &mut [u8]) -> Outcome<(usize, SocketAddr)> {
        Ok(self.0.recv_from(buffer).await?)
    }

    async fn send_to(&self, buffer: &[u8], to: SocketAddr) -> Outcome<usize> {
        let SocketAddr::V4(to) = to else { return Err(io::Error::from(io::ErrorKind::Unsupported).into()) };
        self.0.send_to(buffer.to_vec(), to).await?;
        Ok(buffer.len())
    }

    fn local_addr(&self) -> Outcome<SocketAddr> {
        Ok(self.0.local_addr().into())
    }
}

/// The host's way to find a name: SRV over the wire, then A.
struct Names {
    host: Host,
    server: SocketAddrV4,
}

#[async_trait]
impl DomainResolver for Names {
    async fn resolve(&self, target: &SipAddr) -> Outcome<SipAddr> {
        let unknown = || rsipstack::Error::DnsResolutionError(target.to_string());
        let name = target.addr.host.to_string();
        let service = format!("_sip._udp.{name}");
        let found = match self.host.resolve_service(&service).await.ok().and_then(|found| found.into_iter().next()) {
            Some(service) => (service.target, service.port),
            None => (name, self.server.port()),
        };
        let addresses = self.host.resolve(&found.0).await.map_err(|_| unknown())?;
        let address = *addresses.first().ok_or_else(unknown)?;
        Ok(sip_address(Transport::Udp, SocketAddrV4::new(address, found.1)))
    }
}

/// Makes a stream a connection of rsipstack's, which it knows by the address of its own end.
async fn connect(stream: TcpStream, address: SipAddr) -> SipConnection {
    let peer = stream.peer_addr();
    let (reading, writing) = tokio::io::split(stream);
    let (inbox, incoming) = unbounded_channel();
    let (outgoing, outbox) = unbounded_channel();
    let channel = ChannelConnection::create_connection(incoming, outgoing, address, None);
    let connection = SipConnection::Channel(channel.await.expect("a channel can be made"));
    tokio::spawn(write(writing, outbox));
    tokio::spawn(read(reading, peer, inbox, connection.clone()));
    connection
}

async fn write(mut stream: WriteHalf<TcpStream>, mut outbox: UnboundedReceiver<TransportEvent>) {
    while let Some(event) = outbox.recv().await {
        if let TransportEvent::Incoming(message, ..) = event
            && stream.write_all(&message.to_bytes()).await.is_err()
        {
            return;
        }
    }
}

/// Our framer only finds where a message ends; rsipstack's parser reads it.
async fn read(
    mut stream: ReadHalf<TcpStream>,
    peer: SocketAddrV4,
    inbox: UnboundedSender<TransportEvent>,
    connection: SipConnection,
) {
    let mut framer = Framer::opened();
    let mut buffer = [0; 4_096];
    loop {
        let Ok(count @ 1..) = stream.read(&mut buffer).await else { return };
        framer.push(&buffer[..count]);
        while let Some(framed) = framer.next() {
            let Ok(framed) = framed else { return };
            let Framed::Message(message) = framed else { continue };
            let message = SipMessage::try_from(&message.raw()[..]).expect("rsipstack reads what we write");
            let tcp = rsipstack::sip::Transport::Tcp;
            let message = SipConnection::update_msg_received(message, peer.into(), tcp).expect("it has a Via");
            let event = TransportEvent::Incoming(message, connection.clone(), sip_address(Transport::Tcp, peer));
            if inbox.send(event).is_err() {
                return;
            }
        }
    }
}

/// How long rsipstack repeats a message, and keeps what is over: 64*T1.
pub const PATIENCE: Duration = Duration::from_secs(32);
