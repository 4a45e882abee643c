//! From a host name to a connected socket: look up, then race the addresses (RFC 8305).

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::thread;
use std::time::Duration;

use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType, getaddrinfo};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::failure::{Failure, Peer, Step};
use super::socket::Socket;

/// How long an attempt has before the next address is tried beside it (RFC 8305 section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Name lookups block their thread; like libuv's pool, at most four at a time.
const LOOKUP_THREADS: usize = 4;

/// Where to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A name or a literal address, IPv6 without brackets.
    Host { host: String, port: u16 },
    /// A Unix socket.
    Path(String),
}

/// Connects to `target`. TCP sockets come with Nagle's algorithm off.
///
/// # Errors
///
/// The lookup's failure, or the first address's with those of the others attached.
pub(super) async fn dial(target: &Target) -> Result<Socket, Failure> {
    match target {
        Target::Host { host, port } => race(resolve(host, *port).await?).await.map(Socket::Tcp),
        Target::Path(path) => dial_path(path).await,
    }
}

async fn dial_path(path: &str) -> Result<Socket, Failure> {
    UnixStream::connect(path)
        .await
        .map(Socket::Unix)
        .map_err(|error| Failure::io(Step::Connect, &error, Some(Peer::Path(path.to_owned()))))
}

/// All addresses of `host`, in the resolver's order.
async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    match look_up_aside(host, port).await {
        Ok(addresses) if !addresses.is_empty() => Ok(addresses),
        Ok(_) => Err(Failure::lookup("ENOTFOUND", host, "no addresses".to_owned())),
        Err((code, text)) => Err(Failure::lookup(code, host, text)),
    }
}

/// Looks a name up on a thread of its own, as that blocks. Tokio's threads for such work panic where
/// the system refuses one.
async fn look_up_aside(host: &str, port: u16) -> Result<Vec<SocketAddr>, (&'static str, String)> {
    static LOOKUPS: Semaphore = Semaphore::const_new(LOOKUP_THREADS);
    // It fails only for a semaphore that was closed, which this one never is.
    let permit = LOOKUPS.acquire().await;
    let name = host.to_owned();
    let (answer, answered) = oneshot::channel();
    let look_up = move || {
        let _permit = permit;
        // Nobody waits for it any more when the connection was given up meanwhile.
        let _ = answer.send(look_up(&name, port));
    };
    let thread = thread::Builder::new().name("faye-websocket-dns".to_owned()).spawn(look_up);
    match thread {
        Ok(_) => answered.await.unwrap_or_else(|error| Err(("ECANCELED", error.to_string()))),
        Err(error) => Err(("EAI_MEMORY", error.to_string())),
    }
}

fn look_up(name: &str, port: u16) -> Result<Vec<SocketAddr>, (&'static str, String)> {
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    let found = getaddrinfo(Some(name), None, Some(hints)).map_err(|error| {
        // Node reports both "no such name" and "a name without addresses" as ENOTFOUND.
        let code = match error.kind() {
            LookupErrorKind::Again => "EAI_AGAIN",
            LookupErrorKind::Fail => "EAI_FAIL",
            LookupErrorKind::Family => "EAI_FAMILY",
            LookupErrorKind::Memory => "EAI_MEMORY",
            LookupErrorKind::Badflags => "EAI_BADFLAGS",
            _ => "ENOTFOUND",
        };
        (code, io::Error::from(error).to_string())
    })?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    // Address families that are not IP are nothing we could dial.
    for mut address in found.flatten().map(|entry| entry.sockaddr) {
        address.set_port(port);
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

/// Alternates between the address families, beginning with the resolver's favourite
/// (RFC 8305 section 4).
fn interleave(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let Some(first) = addresses.first().map(SocketAddr::is_ipv6) else { return VecDeque::new() };
    let (favourite, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first);
    let mut other = other.into_iter();
    let mut mixed = VecDeque::new();
    for address in favourite {
        mixed.push_back(address);
        mixed.extend(other.next());
    }
    mixed.extend(other);
    mixed
}

async fn connect(address: SocketAddr) -> Result<TcpStream, Failure> {
    let outcome = match TcpStream::connect(address).await {
        Ok(stream) => stream.set_nodelay(true).map(|()| stream),
        Err(error) => Err(error),
    };
    outcome.map_err(|error| Failure::io(Step::Connect, &error, Some(Peer::Address(address))))
}

/// The first connection to stand wins; the others are given up.
async fn race(addresses: Vec<SocketAddr>) -> Result<TcpStream, Failure> {
    if let [only] = addresses[..] {
        return connect(only).await;
    }
    let mut waiting = interleave(addresses).into_iter().enumerate();
    let mut attempts = JoinSet::new();
    let mut failures = Vec::new();
    loop {
        // Here nothing runs, an attempt has just failed, or one has had its time.
        if let Some((rank, address)) = waiting.next() {
            attempts.spawn(async move { (rank, connect(address).await) });
        } else if attempts.is_empty() {
            return Err(first_of(failures));
        }
        let head_start = sleep_until(Instant::now() + ATTEMPT_DELAY);
        tokio::pin!(head_start);
        let ended = tokio::select! {
            ended = attempts.join_next() => ended,
            () = &mut head_start, if waiting.len() > 0 => continue,
        };
        match ended {
            Some(Ok((_, Ok(stream)))) => return Ok(stream),
            Some(Ok((rank, Err(failure)))) => failures.push((rank, failure)),
            // Attempts neither panic nor are aborted before the race is over.
            Some(Err(_)) | None => {}
        }
    }
}

/// The failure of the address tried first, with the others attached.
fn first_of(mut failures: Vec<(usize, Failure)>) -> Failure {
    failures.sort_by_key(|&(rank, _)| rank);
    let mut failures = failures.into_iter().map(|(_, failure)| failure);
    let Some(mut first) = failures.next() else {
        return Failure::io(Step::Connect, &io::ErrorKind::AddrNotAvailable.into(), None);
    };
    first.others = failures.collect();
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|address| address.parse().expect("a literal")).collect()
    }

    #[test]
    fn families_take_turns_from_the_resolvers_favourite() {
        let given = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]);
        let expected = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
        assert_eq!(interleave(given), expected);
    }

    #[test]
    fn leftovers_of_the_other_family_come_last() {
        let given = addresses(&["1.1.1.1:1", "[::1]:1", "[::2]:1"]);
        assert_eq!(interleave(given.clone()), given);
    }
}
