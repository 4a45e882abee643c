//! `ClientSocket`: what `lib/native_socket.js` needs of a dialled connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use napi::bindgen_prelude::{Buffer, BufferSlice, Function, Object};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Error, Result, Status};
use napi_derive::napi;
use tokio::task::AbortHandle;

#[cfg(any(target_os = "linux", target_os = "macos"))]
use super::client_line::{self, Key};
use super::session::headers;
use super::tasks;
use super::tls_connector::TlsConnector;
use crate::proto::handshake::proxy::ProxyHandshake;
use crate::transport::failure::{Failure, Peer};
use crate::transport::mailbox::Credentials;
use crate::transport::{Client, Doorbell, Proxy, Report, Route, Target, Tls};

/// Where to connect to: `path`, or `host` and `port`.
#[napi(object)]
pub struct SocketTarget {
    pub host: Option<String>,
    pub port: Option<u16>,
    pub path: Option<String>,
    /// The name to ask the server by and to find in its certificate, with a TLS connector.
    pub servername: Option<String>,
    pub proxy: Option<SocketProxy>,
    /// Milliseconds for everything up to the report `Open`.
    pub timeout: Option<u32>,
}

/// The HTTP proxy to go through.
#[napi(object)]
pub struct SocketProxy {
    pub host: String,
    pub port: u16,
    /// As the server's, with a TLS connector for the proxy.
    pub servername: Option<String>,
    /// The server's value of `Host`.
    pub server_host: String,
    /// The server's address, as errors show it.
    pub url: String,
    /// Value of `Proxy-Authorization`.
    pub authorization: Option<String>,
    /// Further headers, names and values in turn.
    pub headers: Vec<String>,
}

/// A server's certificate, to be checked against the name it was asked by.
#[napi(object)]
pub struct SocketCredentials {
    pub name: String,
    /// In DER.
    pub certificate: Buffer,
}

/// What a proxy answered that did not open its tunnel.
#[napi(object)]
pub struct ProxyAnswer {
    pub status_code: u16,
    /// Names and values in turn.
    pub headers: Vec<String>,
}

/// Addresses of both ends; all are absent on a Unix socket.
#[napi(object)]
pub struct SocketEndpoints {
    pub local_address: Option<String>,
    pub local_port: Option<u16>,
    pub remote_address: Option<String>,
    pub remote_port: Option<u16>,
}

/// The raw material of a Node system error.
#[napi(object)]
pub struct SocketFailure {
    pub syscall: String,
    pub code: Option<String>,
    pub errno: Option<i32>,
    pub address: Option<String>,
    pub port: Option<u16>,
    pub hostname: Option<String>,
    pub text: String,
    pub others: Vec<SocketFailure>,
    pub answer: Option<ProxyAnswer>,
}

/// Bits of the number `collect` returns, above the count of bytes.
#[napi]
pub enum SocketReport {
    Bytes = 0x007f_ffff,
    Asked = 0x0080_0000,
    More = 0x0100_0000,
    Open = 0x0200_0000,
    Flushed = 0x0400_0000,
    Ended = 0x0800_0000,
    Finished = 0x1000_0000,
    Failed = 0x2000_0000,
    Closed = 0x4000_0000,
}

/// One natively dialled connection.
#[napi]
pub struct ClientSocket {
    client: Client,
    bell: Bell,
    task: AbortHandle,
    adopted: bool,
    keeps_alive: bool,
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    line: Option<Key>,
}

/// Calls `client_line` where the connection is served there, and otherwise goes on.
macro_rules! on_line {
    ($self:expr, $key:ident => $call:expr) => {
        #[cfg(any(target_os = "linux", target_os = "macos"))]
        if let Some($key) = $self.line {
            return $call;
        }
    };
}

#[napi]
impl ClientSocket {
    /// `bell` is called, in the async context of this call, whenever there is something to collect.
    /// With `hand_over`, `takeLine` must follow the report `Open`.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        env: Env,
        target: SocketTarget,
        bell: Function<(), ()>,
        tls: Option<&TlsConnector>,
        proxy_tls: Option<&TlsConnector>,
        hand_over: bool,
    ) -> Result<Self> {
        let route = route(target, tls, proxy_tls)?;
        let bell = bell.build_threadsafe_function::<()>().build()?;
        let bell = Bell(Arc::new(Mutex::new(Some(bell))));
        let client = Client::open(route, Box::new(Ringer(bell.clone())), hand_over)
            .map_err(|error| Error::new(Status::GenericFailure, error.to_string()))?;
        let task = client.abort_handle();
        tasks::adopt(env, task.clone())?;
        Ok(Self {
            client,
            bell,
            task,
            adopted: true,
            keeps_alive: true,
            #[cfg(any(target_os = "linux", target_os = "macos"))]
            line: None,
        })
    }

    /// After the report `Open`: has the connection served on this thread's loop (see `lineAttach`),
    /// in the async context of this call; `resource` stands for it and must live as long. Returns its
    /// number there, or -1, and then the connection is lost.
    #[napi(catch_unwind)]
    pub fn take_line(&mut self, env: Env, channel: u32, resource: Object<'_>) -> i32 {
        #[cfg(any(target_os = "linux", target_os = "macos"))]
        if let Some(line) = self.client.take_line() {
            self.let_task_go();
            self.line =
                client_line::serve_line(&env, &resource, channel, line, self.keeps_alive).ok();
            return self.line.map_or(-1, |key| key.number() as i32);
        }
        let _ = (env, channel, resource);
        -1
    }

    fn let_task_go(&mut self) {
        if self.adopted {
            self.adopted = false;
            tasks::release(self.task.id());
        }
    }

    /// Begins to connect.
    #[napi(catch_unwind)]
    pub fn dial(&mut self) {
        self.client.dial();
    }

    /// Copies waiting bytes into `slab` from `offset` on. Returns their count and, as bits of
    /// `SocketReport`, what else is the case.
    #[napi(catch_unwind)]
    pub fn collect(&mut self, mut slab: BufferSlice, offset: u32) -> u32 {
        let space = slab.get_mut(offset as usize..).unwrap_or_default();
        let most = space.len().min(SocketReport::Bytes as usize);
        let report = self.client.collect(&mut space[..most]);
        if report.closed {
            self.let_task_go();
        }
        pack(report)
    }

    /// Lets the bell ring for bytes again, after a `collect` that had no room.
    #[napi(catch_unwind)]
    pub fn want(&self) {
        on_line!(self, key => client_line::set_reading(key, true));
        self.client.want();
    }

    /// Asks for no more bytes of a connection that was taken, until the next `want`.
    #[napi(catch_unwind)]
    pub fn rest(&self) {
        on_line!(self, key => client_line::set_reading(key, false));
    }

    /// Rings the bell in any case.
    #[napi(catch_unwind)]
    pub fn ask(&self) {
        self.client.ask();
    }

    /// Copies what the kernel does not take at once. `true` when more may follow; otherwise a later
    /// report says `Flushed`, and nothing may be written before.
    #[napi(catch_unwind)]
    pub fn write(&self, chunk: &[u8]) -> bool {
        on_line!(self, key => client_line::push(key, &[chunk]));
        self.client.write(&[chunk])
    }

    /// Like `write`, for several chunks in one system call.
    #[napi(catch_unwind)]
    pub fn write_all(&self, chunks: Vec<BufferSlice>) -> bool {
        let parts: Vec<&[u8]> = chunks.iter().map(|chunk| &chunk[..]).collect();
        on_line!(self, key => client_line::push(key, &parts));
        self.client.write(&parts)
    }

    /// Bytes written and not yet with the kernel.
    #[napi(catch_unwind)]
    pub fn backlog(&self) -> u32 {
        u32::try_from(self.client.backlog()).unwrap_or(u32::MAX)
    }

    /// Ends our direction after what was written; a later report says `Finished`.
    #[napi(catch_unwind)]
    pub fn finish(&self) {
        on_line!(self, key => client_line::finish(key));
        self.client.finish();
    }

    /// Closes the socket in whatever state it is; a later report says `Closed`.
    #[napi(catch_unwind)]
    pub fn destroy(&mut self) {
        on_line!(self, key => client_line::destroy(key));
        self.client.destroy();
    }

    /// The certificate to look at, after a report said `Asked`.
    #[napi(catch_unwind)]
    pub fn take_credentials(&self) -> Option<SocketCredentials> {
        let Credentials { name, certificate } = self.client.take_credentials()?;
        Some(SocketCredentials { name, certificate: certificate.into() })
    }

    /// Accepts the certificate taken last; until then its server gets no byte of ours.
    #[napi(catch_unwind)]
    pub fn give_consent(&self) {
        self.client.give_consent();
    }

    /// What went wrong, after a report said `Failed`.
    #[napi(catch_unwind)]
    pub fn take_failure(&self) -> Option<SocketFailure> {
        on_line!(self, key => client_line::take_failure(key).map(SocketFailure::from));
        self.client.take_failure().map(SocketFailure::from)
    }

    /// The addresses, after a report said `Open`.
    #[napi(catch_unwind)]
    pub fn endpoints(&self) -> Option<SocketEndpoints> {
        let endpoints = self.client.endpoints()?;
        Some(SocketEndpoints {
            local_address: endpoints.local.map(|address| address.ip().to_string()),
            local_port: endpoints.local.map(|address| address.port()),
            remote_address: endpoints.remote.map(|address| address.ip().to_string()),
            remote_port: endpoints.remote.map(|address| address.port()),
        })
    }

    /// Nagle's algorithm off (`true`) or on.
    #[napi(catch_unwind)]
    pub fn set_no_delay(&self, no_delay: bool) {
        on_line!(self, key => client_line::set_no_delay(key, no_delay));
        self.client.set_no_delay(no_delay);
    }

    /// Keep-alive probes, the first after `delay` seconds; 0 keeps the system's delay.
    #[napi(catch_unwind)]
    pub fn set_keep_alive(&self, enable: bool, delay: u32) {
        let delay = enable.then(|| Duration::from_secs(delay.into()));
        on_line!(self, key => client_line::set_keep_alive(key, delay));
        self.client.set_keep_alive(delay);
    }

    /// Whether this connection keeps the process alive; it does from the start.
    #[napi(catch_unwind)]
    pub fn set_ref(&mut self, env: Env, keep_alive: bool) -> Result<()> {
        self.keeps_alive = keep_alive;
        on_line!(self, key => {
            client_line::set_ref(key, keep_alive);
            Ok(())
        });
        self.bell.set_ref(env, keep_alive)
    }
}

fn route(
    target: SocketTarget,
    tls: Option<&TlsConnector>,
    proxy_tls: Option<&TlsConnector>,
) -> Result<Route> {
    let SocketTarget { host, port, path, servername, proxy, timeout } = target;
    let layer = |tls: Option<&TlsConnector>, servername: Option<String>| {
        let connector = tls?.connector();
        Some(Tls { connector, name: servername.unwrap_or_default() })
    };
    let target = match (path, host, port) {
        (Some(path), ..) => Target::Path(path),
        (None, Some(host), Some(port)) => Target::Host { host, port },
        _ => return Err(Error::new(Status::InvalidArg, "path, or host and port, required")),
    };
    let proxy = match (proxy, &target) {
        (None, _) => None,
        (Some(proxy), Target::Host { host, port }) => {
            let mut handshake = ProxyHandshake::new(
                host,
                *port,
                &proxy.server_host,
                &proxy.url,
                proxy.authorization.as_deref(),
            );
            let mut request = Vec::new();
            handshake.request(&headers(proxy.headers), &mut request);
            Some(Proxy {
                target: Target::Host { host: proxy.host, port: proxy.port },
                tls: layer(proxy_tls, proxy.servername),
                handshake,
                request,
            })
        }
        (Some(_), Target::Path(_)) => {
            return Err(Error::new(Status::InvalidArg, "a proxy cannot reach a path"));
        }
    };
    let timeout = timeout.map(|timeout| Duration::from_millis(timeout.into()));
    Ok(Route { target, proxy, tls: layer(tls, servername), timeout })
}

fn pack(report: Report) -> u32 {
    let bits = [
        (report.asked, SocketReport::Asked),
        (report.more, SocketReport::More),
        (report.open, SocketReport::Open),
        (report.flushed, SocketReport::Flushed),
        (report.ended, SocketReport::Ended),
        (report.finished, SocketReport::Finished),
        (report.failed, SocketReport::Failed),
        (report.closed, SocketReport::Closed),
    ];
    let states = bits.into_iter().filter(|&(is, _)| is).map(|(_, bit)| bit as u32);
    states.fold(report.bytes as u32, |packed, bit| packed | bit)
}

impl From<Failure> for SocketFailure {
    fn from(failure: Failure) -> Self {
        let (address, port, hostname) = match failure.peer {
            Some(Peer::Address(to)) => (Some(to.ip().to_string()), Some(to.port()), None),
            Some(Peer::Path(path)) => (Some(path), None, None),
            Some(Peer::Name(name)) => (None, None, Some(name)),
            None => (None, None, None),
        };
        Self {
            syscall: failure.step.name().to_owned(),
            code: failure.code.map(str::to_owned),
            errno: failure.errno,
            address,
            port,
            hostname,
            text: failure.text,
            others: failure.others.into_iter().map(Self::from).collect(),
            answer: failure.answer.map(|answer| ProxyAnswer {
                status_code: answer.status,
                headers: answer
                    .headers
                    .into_iter()
                    .flat_map(|(name, value)| [name, value])
                    .collect(),
            }),
        }
    }
}

type Call = ThreadsafeFunction<(), (), (), Status, false>;

/// The bell's wire into the event loop. While it is there and referenced the process stays alive.
#[derive(Clone)]
struct Bell(Arc<Mutex<Option<Call>>>);

impl Bell {
    fn call(&self) -> MutexGuard<'_, Option<Call>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[expect(deprecated, reason = "the alternative, a weak function, is fixed at creation")]
    fn set_ref(&self, env: Env, keep_alive: bool) -> Result<()> {
        match self.call().as_mut() {
            Some(call) if keep_alive => call.refer(&env),
            Some(call) => call.unref(&env),
            None => Ok(()),
        }
    }
}

/// The half of the bell that the transport holds: gone with the connection, and the process may end.
struct Ringer(Bell);

impl Doorbell for Ringer {
    fn ring(&self) {
        if let Some(call) = self.0.call().as_ref() {
            // Any other status than Ok means that the environment is going away, and its cleanup
            // hook ends the task.
            call.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

impl Drop for Ringer {
    fn drop(&mut self) {
        self.0.call().take();
    }
}
