//! permessage-deflate in an opening handshake without any other extension.

use std::convert::Infallible;

use super::{
    Agreement, ClientNegotiation, Codec, DeflateOptions, NAME, OptionsError, ServerNegotiation,
    ZlibPool,
};
use crate::proto::extension::RSV1;
use crate::proto::extension::header::{self, Params};
use crate::proto::extension::negotiate::{self, Candidate, NegotiationError};

/// RFC 7692 section 6: "This document allocates the RSV1 bit of the WebSocket header for PMCEs and
/// calls the bit the "Per-Message Compressed" bit."
const CANDIDATE: Candidate<'_> = Candidate { name: NAME, rsv: RSV1 };

/// The options of one side, until both have agreed.
#[derive(Clone, Debug)]
pub struct Proposal {
    options: DeflateOptions,
    client: ClientNegotiation,
    server: ServerNegotiation,
    pool: ZlibPool,
}

impl Proposal {
    /// # Errors
    ///
    /// An option is out of range.
    pub fn new(options: DeflateOptions, pool: ZlibPool) -> Result<Self, OptionsError> {
        Ok(Self {
            client: ClientNegotiation::new(&options)?,
            server: ServerNegotiation::new(&options)?,
            options,
            pool,
        })
    }

    /// The parameters a client offers.
    pub fn offer_params(&self) -> Params {
        self.client.offer()
    }

    /// A server's decision on the parameters of all offers: the codec and the parameters to answer
    /// with, or `None` to go on without compression.
    pub fn answer_params<'a>(
        &self,
        offers: impl IntoIterator<Item = &'a Params>,
    ) -> Option<(Codec, Params)> {
        let (agreement, answer) = self.server.answer(offers.into_iter().map(Vec::as_slice))?;
        Some((self.codec(agreement), answer))
    }

    /// A client's judgement of the parameters the server answers with; `None` refuses them.
    pub fn accept_params(&self, answer: &Params) -> Option<Codec> {
        self.client.accept(answer).map(|agreement| self.codec(agreement))
    }

    /// The value of a client's `Sec-WebSocket-Extensions`.
    pub fn offer(&self) -> String {
        header::serialize(NAME, &self.offer_params())
    }

    /// As [`answer_params`](Self::answer_params), for values of `Sec-WebSocket-Extensions`.
    pub fn answer(&self, offers: &str) -> Option<(Codec, String)> {
        let mut codec = None;
        let answered = negotiate::answer(offers, &[CANDIDATE], |_, offers| {
            let (own, answer) = self.answer_params(offers).unzip();
            codec = own;
            Ok::<_, Infallible>(answer)
        });
        // A header that violates the grammar is found before, by `Connection::check`, and the
        // request refused.
        let (_, answer) = answered.ok()?;
        codec.zip(answer)
    }

    /// As [`accept_params`](Self::accept_params), for the value of the whole header; `Ok(None)`
    /// where the server has not chosen the extension.
    ///
    /// # Errors
    ///
    /// Why the handshake fails.
    pub fn accept(&self, answer: &str) -> Result<Option<Codec>, NegotiationError> {
        let mut codec = None;
        negotiate::accept(answer, &[CANDIDATE], |_, params| {
            codec = self.accept_params(params);
            Ok(codec.is_some())
        })?;
        Ok(codec)
    }

    fn codec(&self, agreement: Agreement) -> Codec {
        Codec::new(agreement, &self.options, &self.pool)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(options: DeflateOptions) -> Proposal {
        Proposal::new(options, ZlibPool::default()).unwrap()
    }

    fn answer(offers: &str) -> Option<String> {
        proposal(DeflateOptions::default()).answer(offers).map(|(_, answer)| answer)
    }

    fn failure(answers: &str) -> Option<String> {
        proposal(DeflateOptions::default()).accept(answers).err().map(|error| error.to_string())
    }

    #[test]
    fn offer_and_answer_with_defaults() {
        let offer = proposal(DeflateOptions::default()).offer();
        assert_eq!(offer, "permessage-deflate; client_max_window_bits");
        assert_eq!(answer(&offer).as_deref(), Some("permessage-deflate"));
    }

    #[test]
    fn other_extensions_are_passed_by() {
        assert_eq!(answer("x-other; a=1"), None);
        assert_eq!(answer(""), None);
        assert_eq!(
            answer(
                "x-other, permessage-deflate; bad, permessage-deflate; server_max_window_bits=9"
            )
            .as_deref(),
            Some("permessage-deflate; server_max_window_bits=9")
        );
    }

    #[test]
    fn a_server_with_every_wish() {
        let options = DeflateOptions {
            no_context_takeover: true,
            max_window_bits: Some(10),
            request_no_context_takeover: true,
            request_max_window_bits: Some(9),
            ..DeflateOptions::default()
        };
        let answer = proposal(options).answer("permessage-deflate; client_max_window_bits");
        assert_eq!(
            answer.map(|(_, answer)| answer).as_deref(),
            Some(
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                 client_max_window_bits=9"
            )
        );
    }

    #[test]
    fn a_client_takes_no_answer_it_has_not_asked_for() {
        assert_eq!(failure(""), None);
        assert_eq!(failure("permessage-deflate"), None);
        assert_eq!(
            failure("x-other").as_deref(),
            Some("Server sent an extension response for unknown extension \"x-other\"")
        );
        assert_eq!(
            failure("permessage-deflate, permessage-deflate").as_deref(),
            Some(
                "Server sent two extension responses that use the RSV1 bit: \
                 \"permessage-deflate\" and \"permessage-deflate\""
            )
        );
        assert_eq!(
            failure("permessage-deflate; server_max_window_bits=7").as_deref(),
            Some(
                "Server sent unacceptable extension parameters: \
                 permessage-deflate; server_max_window_bits=7"
            )
        );
        assert_eq!(
            failure("permessage-deflate;").as_deref(),
            Some("Invalid Sec-WebSocket-Extensions header: permessage-deflate;")
        );
    }
}
