//! permessage-deflate in the opening handshake, where no other extension takes part.

use super::{
    Agreement, ClientNegotiation, Contexts, DeflateOptions, NAME, OptionsError, ServerNegotiation,
    Session,
};
use crate::proto::extension::header::{self, Params};

/// What one side wants of the extension, until both have agreed.
#[derive(Clone, Debug)]
pub struct Proposal {
    options: DeflateOptions,
    client: ClientNegotiation,
    server: ServerNegotiation,
    contexts: Contexts,
}

impl Proposal {
    /// Fails if an option is out of range.
    pub fn new(options: DeflateOptions, contexts: Contexts) -> Result<Self, OptionsError> {
        Ok(Self {
            client: ClientNegotiation::new(&options)?,
            server: ServerNegotiation::new(&options)?,
            options,
            contexts,
        })
    }

    /// The value of a client's `Sec-WebSocket-Extensions`.
    pub fn offer(&self) -> String {
        header::serialize(NAME, &self.client.offer())
    }

    /// A server's decision on the request's header: the session and the header to answer with, or
    /// `None` to go on without compression.
    pub fn answer(&self, offers: &str) -> Option<(Session, String)> {
        // A header that breaks the grammar refuses the request; that is not decided here.
        let offers = header::parse(offers).ok()?;
        let ours = offers.iter().filter(|offer| offer.name == NAME);
        let (agreement, answer) = self.server.answer(ours.map(|offer| offer.params.as_slice()))?;
        Some((self.session(agreement), header::serialize(NAME, &answer)))
    }

    /// A client's judgement of the response's header; `None` inside if the server declined.
    ///
    /// # Errors
    ///
    /// Why the handshake fails, in the original's words.
    pub fn accept(&self, answers: &str) -> Result<Option<Session>, String> {
        let answers = header::parse(answers).map_err(|error| error.to_string())?;
        let mut session = None;
        for answer in answers {
            if answer.name != NAME {
                let name = answer.name;
                return Err(format!(
                    "Server sent an extension response for unknown extension \"{name}\""
                ));
            }
            if session.is_some() {
                return Err(format!(
                    "Server sent two extension responses that use the RSV1 bit: \
                     \"{NAME}\" and \"{NAME}\""
                ));
            }
            session = Some(self.judge(&answer.params)?);
        }
        Ok(session)
    }

    fn judge(&self, params: &Params) -> Result<Session, String> {
        let agreement = self.client.accept(params).ok_or_else(|| {
            let params = header::serialize(NAME, params);
            format!("Server sent unacceptable extension parameters: {params}")
        })?;
        Ok(self.session(agreement))
    }

    fn session(&self, agreement: Agreement) -> Session {
        Session::new(agreement, &self.options, &self.contexts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(options: DeflateOptions) -> Proposal {
        Proposal::new(options, Contexts::default()).unwrap()
    }

    fn answer(offers: &str) -> Option<String> {
        proposal(DeflateOptions::default()).answer(offers).map(|(_, answer)| answer)
    }

    fn failure(answers: &str) -> Option<String> {
        proposal(DeflateOptions::default()).accept(answers).err()
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
