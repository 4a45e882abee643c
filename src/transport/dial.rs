//! Connecting to a host: look its name up, then race its addresses (RFC 8305).

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::failure::{Failure, Peer, Step};
use super::lookup::resolve;
use super::socket::Socket;

/// The time after which the next address is tried as well (RFC 8305 section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Where to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A name or a literal address, IPv6 without brackets.
    Host { host: String, port: u16 },
    /// A Unix socket.
    Path(String),
}

impl Target {
    /// A path, or else a host and its port; `None` without either.
    pub(crate) fn of(
        path: Option<String>,
        host: Option<String>,
        port: Option<u16>,
    ) -> Option<Self> {
        match path {
            Some(path) => Some(Self::Path(path)),
            None => Some(Self::Host { host: host?, port: port? }),
        }
    }
}

/// Connects to `target`. TCP sockets come with Nagle's algorithm off.
///
/// # Errors
///
/// That of the lookup; or that of the first address, with those of the other addresses in it.
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

/// Alternates between the address families, beginning with that of the first address (RFC 8305
/// section 4).
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

/// Returns the first connection that is established; the other attempts are aborted.
async fn race(addresses: Vec<SocketAddr>) -> Result<TcpStream, Failure> {
    if let [only] = addresses[..] {
        return connect(only).await;
    }
    let mut waiting = interleave(addresses).into_iter().enumerate();
    let mut attempts = JoinSet::new();
    let mut failures = Vec::new();
    loop {
        // No attempt is running, or one has just failed, or the head start of the last one is over.
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
            // Not reached: attempts do not panic, and are not aborted before the race is over.
            Some(Err(_)) | None => {}
        }
    }
}

/// The failure of the address that was tried first, with the others in it.
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
