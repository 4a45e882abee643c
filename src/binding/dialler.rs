//! `Dialler`: a connection that is being made, for `lib/socket/dialling.js`.

use std::time::Duration;

use napi::bindgen_prelude::{Buffer, Function, Object};
use napi::{Env, Error, Result, Status};
use napi_derive::napi;
use tokio::task::AbortHandle;

use super::env::Environment;
use super::loop_host::Tag;
use super::socket_failure::SocketFailure;
use super::tls_connector::TlsConnector;
use crate::node_api::ThreadsafeFunction;
use crate::proto::http::Headers;
use crate::transport::dial::Target;
use crate::transport::dialling::{DialState as State, Dialling};
use crate::transport::event_loop::Host;
use crate::transport::event_loop::served::Served;
use crate::transport::route::{Established, Proxy, Route, Tls, Unroutable};
use crate::transport::socket::Endpoints;
use crate::transport::tls::Credentials;

/// Where to connect to: `path`, or `host` and `port`.
#[napi(object)]
pub struct SocketTarget {
    pub host: Option<String>,
    pub port: Option<u16>,
    pub path: Option<String>,
    /// With a TLS connector: the server name of SNI, which the certificate has to be valid for.
    pub servername: Option<String>,
    pub proxy: Option<SocketProxy>,
    /// Milliseconds until the connection has to be established.
    pub timeout: Option<u32>,
}

/// The HTTP proxy to go through.
#[napi(object)]
pub struct SocketProxy {
    pub host: String,
    pub port: u16,
    /// As `servername` of the server, with a TLS connector for the proxy.
    pub servername: Option<String>,
    /// The server's value of `Host`.
    pub server_host: String,
    /// The server's address, for the text of errors.
    pub url: String,
    /// Value of `Proxy-Authorization`.
    pub authorization: Option<String>,
    /// Further headers, names and values in turn.
    pub headers: Vec<String>,
}

/// A server's certificate, to be compared with its name.
#[napi(object)]
pub struct SocketCredentials {
    pub name: String,
    /// In DER.
    pub certificate: Buffer,
}

/// Addresses of both ends; all are absent on a Unix socket.
#[napi(object)]
pub struct SocketEndpoints {
    pub local_address: Option<String>,
    pub local_port: Option<u16>,
    pub remote_address: Option<String>,
    pub remote_port: Option<u16>,
}

/// The state of a connection that is being made: which function JavaScript has to call next, if
/// any.
#[napi]
pub enum DialState {
    Nothing,
    /// `takeCredentials`.
    Credentials,
    /// `handOver`.
    Connection,
    /// `takeFailure`.
    Failure,
    /// The attempt has ended, and no socket is open.
    End,
}

/// One connection that is being made.
#[napi]
pub struct Dialler {
    dialling: Dialling,
    doorbell: ThreadsafeFunction,
    task: Option<AbortHandle>,
    endpoints: Option<Endpoints>,
    keeps_alive: bool,
}

#[napi]
impl Dialler {
    /// `doorbell` is called, in the async context of this call, when the state has changed. Throws
    /// for an invalid target.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        env: Env,
        target: SocketTarget,
        doorbell: Function<(), ()>,
        tls: Option<&TlsConnector>,
        proxy_tls: Option<&TlsConnector>,
    ) -> Result<Self> {
        let route = route(target, tls, proxy_tls)?;
        let doorbell = super::doorbell::doorbell(env, &doorbell)?;
        let dialling = Dialling::new(route, Box::new(doorbell.clone()));
        let task = dialling.abort_handle();
        if let Some(task) = &task {
            Environment::of(&env).adopt(task.clone())?;
        }
        Ok(Self { dialling, doorbell, task, endpoints: None, keeps_alive: true })
    }

    /// Begins to connect.
    #[napi(catch_unwind)]
    pub fn dial(&mut self) {
        self.dialling.begin();
    }

    /// The state. After `End` the doorbell is not called any more.
    #[napi(catch_unwind)]
    pub fn state(&mut self, env: Env) -> DialState {
        match self.dialling.state() {
            State::Nothing => DialState::Nothing,
            State::Credentials => DialState::Credentials,
            State::Connection => DialState::Connection,
            State::Failure => DialState::Failure,
            State::End => {
                self.let_go(env);
                DialState::End
            }
        }
    }

    /// Takes the certificate to compare with its name.
    #[napi(catch_unwind)]
    pub fn take_credentials(&self) -> Option<SocketCredentials> {
        let Credentials { name, certificate } = self.dialling.take_credentials()?;
        Some(SocketCredentials { name, certificate: certificate.into() })
    }

    /// Accepts the certificate that was taken last; before, nothing is sent to its server.
    #[napi(catch_unwind)]
    pub fn give_consent(&self) {
        self.dialling.give_consent();
    }

    /// Takes the failure.
    #[napi(catch_unwind)]
    pub fn take_failure(&self) -> Option<SocketFailure> {
        self.dialling.take_failure().map(SocketFailure::from)
    }

    /// Moves the connection to this thread's loop (see `servedAttach`), in the async context of
    /// this call; `resource` is its async resource, and must live as long. Returns the connection's
    /// number; or -1, and then the connection is closed. The doorbell is not called any more.
    #[napi(catch_unwind)]
    pub fn hand_over(&mut self, env: Env, copy: u32, resource: Object<'_>) -> i32 {
        let Some(Established { stream, endpoints }) = self.dialling.take_connection() else {
            return -1;
        };
        self.let_go(env);
        self.endpoints = Some(endpoints);
        let environment = Environment::of(&env);
        let serve = |tag| {
            let served = Served::owned(tag, stream, self.keeps_alive);
            environment.set(|set| set.insert(served)).flatten()
        };
        let number = Tag::new(environment, copy, &resource).and_then(serve);
        number.map_or(-1, |number| number as i32)
    }

    /// The addresses of the connection, after `handOver`.
    #[napi(catch_unwind)]
    pub fn endpoints(&self) -> Option<SocketEndpoints> {
        let endpoints = self.endpoints?;
        Some(SocketEndpoints {
            local_address: endpoints.local.map(|address| address.ip().to_string()),
            local_port: endpoints.local.map(|address| address.port()),
            remote_address: endpoints.remote.map(|address| address.ip().to_string()),
            remote_port: endpoints.remote.map(|address| address.port()),
        })
    }

    /// Abandons the attempt; the doorbell is called when its socket is closed.
    #[napi(catch_unwind)]
    pub fn abandon(&mut self) {
        self.dialling.abandon();
    }

    /// Sets whether the attempt keeps the process alive, as it does at first.
    #[napi(catch_unwind)]
    pub fn set_ref(&mut self, env: Env, keep_alive: bool) -> Result<()> {
        self.keeps_alive = keep_alive;
        self.doorbell.set_ref(env, keep_alive)
    }

    fn let_go(&mut self, env: Env) {
        self.doorbell.close();
        if let Some(task) = self.task.take() {
            Environment::of(&env).release(&task);
        }
    }
}

fn route(
    target: SocketTarget,
    tls: Option<&TlsConnector>,
    proxy_tls: Option<&TlsConnector>,
) -> Result<Route> {
    let unroutable = |why: Unroutable| Error::new(Status::InvalidArg, why);
    let layer = |tls: Option<&TlsConnector>, name: Option<String>| {
        Some(Tls { connector: tls?.connector(), name: name.unwrap_or_default() })
    };
    let SocketTarget { host, port, path, servername, proxy, timeout } = target;
    let target = Target::of(path, host, port);
    let target = target.ok_or_else(|| unroutable("path, or host and port, required"))?;
    let tunnel = |proxy: SocketProxy| {
        let address = Target::Host { host: proxy.host, port: proxy.port };
        let tls = layer(proxy_tls, proxy.servername);
        let server = (&*proxy.server_host, &*proxy.url, proxy.authorization.as_deref());
        Proxy::new(address, tls, &target, server, &Headers::of_list(proxy.headers))
    };
    let proxy = proxy.map(tunnel).transpose().map_err(unroutable)?;
    let timeout = timeout.map(|timeout| Duration::from_millis(timeout.into()));
    let route = Route { target, proxy, tls: layer(tls, servername), timeout };
    route.check().map_err(unroutable)?;
    Ok(route)
}
