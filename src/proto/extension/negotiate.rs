//! The negotiation of extensions (RFC 6455 section 9.1): the rules that hold for all of them.
//!
//! The meaning of parameters is defined by each extension (section 9.1: "The interpretation of any
//! extension parameters, and what constitutes a valid response by a server to a requested set of
//! parameters by a client, will be defined by each such extension"): these functions ask it by a
//! call, the core's permessage-deflate and an application's plug-ins alike. An error of an
//! extension ends the negotiation.

use std::convert::Infallible;
use std::fmt;

use super::header::{self, HeaderError, Params};
use super::{RSV1, RSV2, RSV3};
use crate::proto::http::headers::is_single_line;

/// The reserved bits, in the order in which a clash is looked for.
const BITS: [(u8, &str); 3] = [(RSV1, "RSV1"), (RSV2, "RSV2"), (RSV3, "RSV3")];

/// An extension that may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Its name in the header.
    pub name: &'a str,
    /// The reserved bits that it uses, of [`RSV1`], [`RSV2`] and [`RSV3`].
    pub rsv: u8,
}

impl<'a> Candidate<'a> {
    /// Candidates by their names and reserved bits.
    pub fn list(names: &'a [String], rsv: &[u32]) -> Vec<Self> {
        let pairs = names.iter().zip(rsv);
        pairs.map(|(name, rsv)| Self { name, rsv: (rsv & 7) as u8 }).collect()
    }
}

/// The extensions that both sides have agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreed {
    /// Indices of candidates, in the order in which messages pass through the extensions.
    pub members: Vec<usize>,
    /// The reserved bits that they use.
    pub rsv: u8,
}

/// Why a negotiation fails. The texts are those of the original.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NegotiationError<E = Infallible> {
    /// The peer's header violates the grammar.
    Header(HeaderError),
    /// The server has chosen an extension that was not offered.
    Unknown(String),
    /// Two extensions would use the same reserved bit.
    Clash {
        /// The bit, as `RSV1`.
        bit: &'static str,
        /// The extension that uses it already.
        holder: String,
        /// The extension that would use it too.
        name: String,
    },
    /// The extension does not accept the server's parameters: the element, as in a header.
    Unacceptable(String),
    /// An extension of ours has a name or a parameter with CR, LF or NUL.
    LineBreak(String),
    /// The extension's own error.
    Extension(E),
}

impl<E> NegotiationError<E> {
    /// Separates the errors of the negotiation from those of an extension.
    ///
    /// # Errors
    ///
    /// [`NegotiationError::Extension`].
    pub fn own(self) -> Result<NegotiationError, E> {
        Ok(match self {
            Self::Header(error) => NegotiationError::Header(error),
            Self::Unknown(name) => NegotiationError::Unknown(name),
            Self::Clash { bit, holder, name } => NegotiationError::Clash { bit, holder, name },
            Self::Unacceptable(element) => NegotiationError::Unacceptable(element),
            Self::LineBreak(name) => NegotiationError::LineBreak(name),
            Self::Extension(error) => return Err(error),
        })
    }
}

impl<E: fmt::Display> fmt::Display for NegotiationError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(error) => error.fmt(f),
            Self::Unknown(name) => {
                write!(f, "Server sent an extension response for unknown extension \"{name}\"")
            }
            Self::Clash { bit, holder, name } => write!(
                f,
                "Server sent two extension responses that use the {bit} bit: \
                 \"{holder}\" and \"{name}\""
            ),
            Self::Unacceptable(element) => {
                write!(f, "Server sent unacceptable extension parameters: {element}")
            }
            Self::LineBreak(name) => {
                write!(f, "Invalid character in the parameters of extension {name}")
            }
            Self::Extension(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for NegotiationError<E> {}

/// A client's offer: the value of its header, `None` without any offer. An extension may be offered
/// several times, with other parameters.
///
/// # Errors
///
/// [`NegotiationError::LineBreak`].
pub fn offer(offers: &[(&str, Params)]) -> Result<Option<String>, NegotiationError> {
    let mut elements = Vec::with_capacity(offers.len());
    for (name, params) in offers {
        elements.push(element(name, params)?);
    }
    Ok(join(&elements))
}

/// A server's answer to a client's header: the extensions that are agreed on, and the value of the
/// server's header, `None` without any. `ask` is called for each candidate that is offered, in the
/// order of candidates, with its index and the parameters of all offers of its name; it returns the
/// parameters of the answer, or `None` to decline.
///
/// # Errors
///
/// [`NegotiationError::Header`], [`NegotiationError::LineBreak`], [`NegotiationError::Extension`].
pub fn answer<E>(
    offers: &str,
    candidates: &[Candidate<'_>],
    mut ask: impl FnMut(usize, Vec<&Params>) -> Result<Option<Params>, E>,
) -> Result<(Agreed, Option<String>), NegotiationError<E>> {
    let offers = header::parse(offers).map_err(NegotiationError::Header)?;
    let mut claims = Claims::new(candidates);
    let mut elements = Vec::new();
    for (place, candidate) in candidates.iter().enumerate() {
        let own = offers.iter().filter(|offer| offer.name == candidate.name);
        let own: Vec<_> = own.map(|offer| &offer.params).collect();
        // RFC 6455 section 9: "A server MUST NOT respond with any extension not requested by the
        // client." A reserved bit can have one meaning only (section 5.2): that of the candidate
        // that comes first.
        if own.is_empty() || claims.clash(candidate).is_some() {
            continue;
        }
        let answered = ask(place, own).map_err(NegotiationError::Extension)?;
        let Some(params) = answered else { continue };
        claims.reserve(place, candidate);
        elements.push(element(candidate.name, &params)?);
    }
    Ok((claims.agreed, join(&elements)))
}

/// A client's judgement of the server's header. `candidates` are the extensions that were offered.
/// `ask` is called for each that the server has chosen, with its index and the parameters, and
/// returns whether it accepts them.
///
/// # Errors
///
/// Why the handshake fails: any but [`NegotiationError::LineBreak`].
pub fn accept<E>(
    answer: &str,
    candidates: &[Candidate<'_>],
    mut ask: impl FnMut(usize, &Params) -> Result<bool, E>,
) -> Result<Agreed, NegotiationError<E>> {
    let chosen = header::parse(answer).map_err(NegotiationError::Header)?;
    let mut claims = Claims::new(candidates);
    for header::Offer { name, params } in chosen {
        // RFC 6455 section 4.1: "If the response includes a |Sec-WebSocket-Extensions| header field
        // and this header field indicates the use of an extension that was not present in the
        // client's handshake (the server has indicated an extension not requested by the client),
        // the client MUST _Fail the WebSocket Connection_."
        let mut places = candidates.iter().enumerate();
        let Some((place, candidate)) = places.find(|(_, candidate)| candidate.name == name) else {
            return Err(NegotiationError::Unknown(name));
        };
        // Of two extensions that use the same bit, each would take the other's for its own.
        if let Some((bit, holder)) = claims.clash(candidate) {
            return Err(NegotiationError::Clash { bit, holder: holder.to_owned(), name });
        }
        if !ask(place, &params).map_err(NegotiationError::Extension)? {
            return Err(NegotiationError::Unacceptable(header::serialize(&name, &params)));
        }
        claims.reserve(place, candidate);
    }
    Ok(claims.agreed)
}

fn element<E>(name: &str, params: &Params) -> Result<String, NegotiationError<E>> {
    let element = header::serialize(name, params);
    if is_single_line(&element) {
        Ok(element)
    } else {
        Err(NegotiationError::LineBreak(format!("{name:?}")))
    }
}

fn join(elements: &[String]) -> Option<String> {
    (!elements.is_empty()).then(|| elements.join(", "))
}

/// The extensions that are agreed on so far, and the reserved bits that they use.
struct Claims<'a> {
    candidates: &'a [Candidate<'a>],
    agreed: Agreed,
}

impl<'a> Claims<'a> {
    fn new(candidates: &'a [Candidate<'a>]) -> Self {
        Self { candidates, agreed: Agreed::default() }
    }

    /// The first bit that both this candidate and an earlier one use, and the name of the earlier
    /// one.
    fn clash(&self, candidate: &Candidate<'_>) -> Option<(&'static str, &'a str)> {
        let (bit, name) =
            BITS.into_iter().find(|(bit, _)| self.agreed.rsv & candidate.rsv & bit != 0)?;
        let mut members =
            self.agreed.members.iter().filter_map(|place| self.candidates.get(*place));
        members.find(|member| member.rsv & bit != 0).map(|member| (name, member.name))
    }

    fn reserve(&mut self, place: usize, candidate: &Candidate<'_>) {
        self.agreed.members.push(place);
        self.agreed.rsv |= candidate.rsv;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::extension::ParamValue;

    const A: Candidate<'_> = Candidate { name: "a", rsv: 4 };
    const B: Candidate<'_> = Candidate { name: "b", rsv: 0 };
    const C: Candidate<'_> = Candidate { name: "c", rsv: 6 };

    fn params(key: &str) -> Params {
        vec![(key.to_owned(), vec![ParamValue::True])]
    }

    /// A server that echoes the last offer of each extension but declines `; no`.
    fn answered(offers: &str, candidates: &[Candidate<'_>]) -> (Vec<usize>, u8, Option<String>) {
        let echo = |_, offers: Vec<&Params>| -> Result<_, Infallible> {
            let last = offers.last().map(|params| (*params).clone());
            Ok(last.filter(|params| *params != super::tests::params("no")))
        };
        let (agreed, header) = answer(offers, candidates, echo).unwrap();
        (agreed.members, agreed.rsv, header)
    }

    /// A client that takes everything but `; no`.
    fn accepted(header: &str, candidates: &[Candidate<'_>]) -> Result<(Vec<usize>, u8), String> {
        let ask = |_, given: &Params| -> Result<_, Infallible> { Ok(*given != params("no")) };
        let agreed = accept(header, candidates, ask).map_err(|error| error.to_string())?;
        Ok((agreed.members, agreed.rsv))
    }

    #[test]
    fn candidates_keep_their_order_and_have_no_bits_but_the_reserved_ones() {
        let names = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(Candidate::list(&names, &[4, 0x80, 0x10e]), [A, B, C]);
    }

    #[test]
    fn offers_in_their_order() {
        assert_eq!(offer(&[]), Ok(None));
        let offers = [("b", params("x")), ("a", Params::new()), ("b", params("y"))];
        assert_eq!(offer(&offers), Ok(Some("b; x, a, b; y".to_owned())));
    }

    #[test]
    fn nothing_that_does_not_fit_a_line_leaves() {
        for text in ["x\r\ny", "x\n", "\0", "\r"] {
            let value = vec![("k".to_owned(), vec![ParamValue::Text(text.to_owned())])];
            for offers in [[("a", value)], [("a", params(text))], [(text, Params::new())]] {
                let error = offer(&offers).unwrap_err();
                let name = offers[0].0;
                assert_eq!(
                    error.to_string(),
                    format!("Invalid character in the parameters of extension {name:?}")
                );
            }
            let ask = |_, _: Vec<&Params>| -> Result<_, Infallible> { Ok(Some(params(text))) };
            assert_eq!(
                answer("a", &[A], ask),
                Err(NegotiationError::LineBreak("\"a\"".to_owned()))
            );
        }
    }

    #[test]
    fn a_server_answers_in_its_own_order() {
        assert_eq!(
            answered("b; x, z, a; y", &[A, B]),
            (vec![0, 1], 4, Some("a; y, b; x".to_owned()))
        );
        assert_eq!(answered("a; x, a; y", &[A]), (vec![0], 4, Some("a; y".to_owned())));
        assert_eq!(answered("", &[A, B]), (vec![], 0, None));
        assert_eq!(answered("z", &[A, B]), (vec![], 0, None));
    }

    #[test]
    fn a_server_skips_who_declines_and_who_needs_a_bit_that_is_taken() {
        assert_eq!(answered("a, b, c", &[A, C, B]), (vec![0, 2], 4, Some("a, b".to_owned())));
        assert_eq!(answered("a; no, c", &[A, C]), (vec![1], 6, Some("c".to_owned())));
        assert_eq!(answered("c, a", &[C, A]), (vec![0], 6, Some("c".to_owned())));
        // Who is skipped is not asked.
        let ask =
            |place, _: Vec<&Params>| if place == 0 { Ok(Some(Params::new())) } else { Err(()) };
        assert!(answer("a, c", &[A, C], ask).is_ok());
        let fails = |_, _: Vec<&Params>| Err(());
        assert_eq!(answer("z", &[A, B], fails), Ok((Agreed::default(), None)));
    }

    #[test]
    fn an_extension_is_asked_with_all_offers_of_its_name() {
        let mut asked = Vec::new();
        let ask = |place, offers: Vec<&Params>| -> Result<_, Infallible> {
            asked.push((place, offers.into_iter().cloned().collect::<Vec<_>>()));
            Ok(None)
        };
        assert_eq!(answer("b; x, a, b; y", &[A, B], ask), Ok((Agreed::default(), None)));
        assert_eq!(asked, [(0, vec![Params::new()]), (1, vec![params("x"), params("y")])]);
    }

    #[test]
    fn a_client_takes_the_servers_order() {
        assert_eq!(accepted("b; x, a", &[A, B]), Ok((vec![1, 0], 4)));
        assert_eq!(accepted("c", &[A, B, C]), Ok((vec![2], 6)));
        assert_eq!(accepted("", &[A, B]), Ok((vec![], 0)));
    }

    #[test]
    fn a_client_refuses_what_it_did_not_offer_or_does_not_take() {
        for (header, text) in [
            ("z", "Server sent an extension response for unknown extension \"z\""),
            ("a; no", "Server sent unacceptable extension parameters: a; no"),
            ("a, b; no", "Server sent unacceptable extension parameters: b; no"),
            ("a,", "Invalid Sec-WebSocket-Extensions header: a,"),
        ] {
            assert_eq!(accepted(header, &[A, B]), Err(text.to_owned()));
        }
    }

    #[test]
    fn a_client_refuses_two_extensions_with_one_bit() {
        for (candidates, header, bit, pair) in [
            ([A, C], "a, c", "RSV1", "\"a\" and \"c\""),
            ([A, C], "c, a", "RSV1", "\"c\" and \"a\""),
            ([A, A], "a, a", "RSV1", "\"a\" and \"a\""),
            ([Candidate { rsv: 2, ..B }, C], "b, c", "RSV2", "\"b\" and \"c\""),
            (
                [Candidate { rsv: 1, ..B }, Candidate { rsv: 3, ..C }],
                "b, c",
                "RSV3",
                "\"b\" and \"c\"",
            ),
        ] {
            assert_eq!(
                accepted(header, &candidates),
                Err(format!("Server sent two extension responses that use the {bit} bit: {pair}"))
            );
        }
        assert_eq!(accepted("b, b", &[B]), Ok((vec![0, 0], 0)));
        // Named is who has the bit, not who came first.
        let text = "Server sent two extension responses that use the RSV1 bit: \"a\" and \"c\"";
        let candidates = [Candidate { rsv: 1, ..B }, A, C];
        assert_eq!(accepted("b, a, c", &candidates), Err(text.to_owned()));
    }

    #[test]
    fn an_extensions_own_error_ends_the_negotiation() {
        let fails = |_, _: &Params| Err("own words");
        assert_eq!(accept("a", &[A], fails).unwrap_err().to_string(), "own words");
        let fails = |_, _: Vec<&Params>| Err("own words");
        assert_eq!(answer("a", &[A], fails).unwrap_err(), NegotiationError::Extension("own words"));
    }
}
