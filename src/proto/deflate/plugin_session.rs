//! permessage-deflate without a connection, for use as one plug-in among others: it compresses and
//! inflates whole messages.

use super::{Codec, InflateError, Proposal};
use crate::proto::extension::header::Params;

/// One side of one connection. Before there is an agreement, nothing is compressed or inflated.
#[derive(Debug)]
pub struct PluginSession {
    proposal: Proposal,
    codec: Option<Codec>,
    limit: usize,
}

impl PluginSession {
    /// `limit`: most bytes of one message of the peer; NaN and Infinity mean no limit, and a
    /// negative number is 0.
    pub fn new(proposal: Proposal, limit: f64) -> Self {
        let limit = if limit.is_nan() { usize::MAX } else { limit as usize };
        Self { proposal, codec: None, limit }
    }

    /// A client's offer.
    pub fn offer(&self) -> Params {
        self.proposal.offer_params()
    }

    /// A server's answer to offers; `None` declines.
    pub fn answer(&mut self, offers: &[Params]) -> Option<Params> {
        let (codec, answer) = self.proposal.answer_params(offers)?;
        self.codec = Some(codec);
        Some(answer)
    }

    /// Whether a client accepts the server's answer.
    pub fn accept(&mut self, answer: &Params) -> bool {
        self.codec = self.proposal.accept_params(answer);
        self.codec.is_some()
    }

    /// A compressed message; `None` if it is to be sent uncompressed.
    pub fn compress(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let mut compressed = Vec::new();
        self.codec.as_mut()?.compress(payload, &mut compressed).then_some(compressed)
    }

    /// An inflated message of the peer; `None` if it has more than `limit` bytes.
    ///
    /// # Errors
    ///
    /// It is not DEFLATE: zlib's text.
    pub fn inflate(&mut self, payload: &[u8]) -> Result<Option<Vec<u8>>, &'static str> {
        let Some(codec) = &mut self.codec else { return Ok(None) };
        let mut message = Vec::new();
        match codec.decompress(payload, self.limit, &mut message) {
            Ok(()) => Ok(Some(message)),
            Err(InflateError::TooLarge) => Ok(None),
            Err(InflateError::Data(text)) => Err(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::deflate::{DeflateOptions, ZlibPool};
    use crate::proto::extension::ParamValue;

    fn session(limit: f64) -> PluginSession {
        let options = DeflateOptions { threshold: Some(3), ..DeflateOptions::default() };
        PluginSession::new(Proposal::new(options, ZlibPool::default()).unwrap(), limit)
    }

    /// A client and a server that have agreed.
    fn pair(limit: f64) -> (PluginSession, PluginSession) {
        let (mut client, mut server) = (session(f64::NAN), session(limit));
        let answer = server.answer(&[client.offer()]).unwrap();
        assert!(client.accept(&answer));
        (client, server)
    }

    #[test]
    fn a_message_comes_out_as_it_went_in() {
        let (mut client, mut server) = pair(f64::NAN);
        let compressed = client.compress(&[b'x'; 100]).unwrap();
        assert!(compressed.len() < 20);
        assert_eq!(server.inflate(&compressed), Ok(Some(vec![b'x'; 100])));
    }

    /// Without options a client offers, as the original does, that the server may limit its window.
    #[test]
    fn a_client_offers_what_its_options_say() {
        let flag = |name: &str| (name.to_owned(), vec![ParamValue::True]);
        assert_eq!(session(f64::NAN).offer(), [flag("client_max_window_bits")]);

        let options =
            DeflateOptions { request_no_context_takeover: true, ..DeflateOptions::default() };
        let proposal = Proposal::new(options, ZlibPool::default()).unwrap();
        let offer = PluginSession::new(proposal, f64::NAN).offer();
        assert!(offer.contains(&flag("server_no_context_takeover")));
    }

    #[test]
    fn below_the_threshold_a_message_leaves_as_it_is() {
        let (mut client, _) = pair(f64::NAN);
        assert_eq!(client.compress(b"x"), None);
    }

    #[test]
    fn the_limit_is_the_longest_message() {
        for (limit, is_taken) in [
            (f64::NAN, true),
            (f64::INFINITY, true),
            (100.0, true),
            (99.0, false),
            (f64::NEG_INFINITY, false),
        ] {
            let (mut client, mut server) = pair(limit);
            let compressed = client.compress(&[b'x'; 100]).unwrap();
            assert_eq!(server.inflate(&compressed).unwrap().is_some(), is_taken, "{limit}");
        }
    }

    #[test]
    fn what_is_no_deflate_is_an_error() {
        let (_, mut server) = pair(f64::NAN);
        assert!(server.inflate(&[0xff; 4]).is_err());
    }

    #[test]
    fn without_an_agreement_nothing_is_done() {
        let mut session = session(f64::NAN);
        assert_eq!(session.answer(&[vec![("x".to_owned(), vec![ParamValue::True])]]), None);
        assert!(!session.accept(&vec![("x".to_owned(), vec![ParamValue::True])]));
        assert_eq!(session.compress(&[b'x'; 100]), None);
        assert_eq!(session.inflate(&[0xff; 4]), Ok(None));
    }
}
