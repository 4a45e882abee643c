//! The four parameters of permessage-deflate on the wire (RFC 7692 section 7.1).

use crate::proto::extension::ParamValue;
use crate::proto::extension::header::Params as ParamList;

/// `client_max_window_bits`, which may have no value in an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientWindow {
    /// No value: the client accepts any limit of the server.
    Any,
    /// 8 to 15.
    Bits(u8),
}

/// The parameters of one offer or of an answer, checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params {
    /// The server compresses each message without reference to earlier ones.
    pub server_no_context_takeover: bool,
    /// The client compresses each message without reference to earlier ones.
    pub client_no_context_takeover: bool,
    /// The server's window, 8 to 15.
    pub server_max_window_bits: Option<u8>,
    /// The client's window.
    pub client_max_window_bits: Option<ClientWindow>,
}

impl Params {
    /// Reads an offer. `None` declines it: it has an unknown or repeated parameter, or an invalid
    /// value (RFC 7692 section 7.1).
    pub fn from_offer(list: &[(String, Vec<ParamValue>)]) -> Option<Self> {
        let mut params = Self::default();

        // RFC 7692 section 7: "A server MUST decline an extension negotiation offer for this
        // extension if any of the following conditions are met": "The negotiation offer contains an
        // extension parameter not defined for use in an offer", "with an invalid value", or
        // "multiple extension parameters with the same name".
        for (name, values) in list {
            let [value] = values.as_slice() else { return None };
            let fresh = match name.as_str() {
                "server_no_context_takeover" => {
                    set_flag(&mut params.server_no_context_takeover, value)
                }
                "client_no_context_takeover" => {
                    set_flag(&mut params.client_no_context_takeover, value)
                }
                "server_max_window_bits" => {
                    params.server_max_window_bits.replace(bits(value)?).is_none()
                }
                "client_max_window_bits" => {
                    let window = match value {
                        ParamValue::True => ClientWindow::Any,
                        value => ClientWindow::Bits(bits(value)?),
                    };
                    params.client_max_window_bits.replace(window).is_none()
                }
                _ => false,
            };
            if !fresh {
                return None;
            }
        }
        Some(params)
    }

    /// Reads an answer: an offer in which `client_max_window_bits` must have a value
    /// (RFC 7692 section 7.1.2.2).
    pub fn from_answer(list: &[(String, Vec<ParamValue>)]) -> Option<Self> {
        Self::from_offer(list)
            .filter(|params| params.client_max_window_bits != Some(ClientWindow::Any))
    }

    /// Writes an offer, in the npm package's order.
    pub fn to_offer(self) -> ParamList {
        let mut list = ParamList::new();
        push_flag(&mut list, "client_no_context_takeover", self.client_no_context_takeover);
        push_client_window(&mut list, self.client_max_window_bits);
        push_flag(&mut list, "server_no_context_takeover", self.server_no_context_takeover);
        push_bits(&mut list, "server_max_window_bits", self.server_max_window_bits);
        list
    }

    /// Writes an answer, in the npm package's order.
    pub fn to_answer(self) -> ParamList {
        let mut list = ParamList::new();
        push_flag(&mut list, "server_no_context_takeover", self.server_no_context_takeover);
        push_flag(&mut list, "client_no_context_takeover", self.client_no_context_takeover);
        push_bits(&mut list, "server_max_window_bits", self.server_max_window_bits);
        push_client_window(&mut list, self.client_max_window_bits);
        list
    }
}

/// Sets a flag; false if it was set before, or the parameter has a value.
fn set_flag(flag: &mut bool, value: &ParamValue) -> bool {
    !std::mem::replace(flag, true) && *value == ParamValue::True
}

/// A window as the original reads it: by its numerical value, so that 10.0 is 10. RFC 7692 allows
/// no such spelling, and no known peer uses it.
fn bits(value: &ParamValue) -> Option<u8> {
    let ParamValue::Number(number, _) = value else { return None };
    (8..=15).find(|bits| f64::from(*bits) == *number)
}

fn push_flag(list: &mut ParamList, name: &str, flag: bool) {
    if flag {
        list.push((name.to_owned(), vec![ParamValue::True]));
    }
}

fn push_bits(list: &mut ParamList, name: &str, bits: Option<u8>) {
    if let Some(bits) = bits {
        let value = ParamValue::Number(f64::from(bits), bits.to_string());
        list.push((name.to_owned(), vec![value]));
    }
}

fn push_client_window(list: &mut ParamList, window: Option<ClientWindow>) {
    const NAME: &str = "client_max_window_bits";
    match window {
        None => {}
        Some(ClientWindow::Any) => push_flag(list, NAME, true),
        Some(ClientWindow::Bits(bits)) => push_bits(list, NAME, Some(bits)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, value: ParamValue) -> ParamList {
        vec![(name.to_owned(), vec![value])]
    }

    fn number(value: f64) -> ParamValue {
        ParamValue::Number(value, value.to_string())
    }

    #[test]
    fn no_parameters_are_an_offer_and_an_answer() {
        assert_eq!(Params::from_offer(&[]), Some(Params::default()));
        assert_eq!(Params::from_answer(&[]), Some(Params::default()));
    }

    #[test]
    fn window_bits_outside_8_to_15_are_declined() {
        for name in ["server_max_window_bits", "client_max_window_bits"] {
            for value in [-8.0, 0.0, 7.0, 8.5, 16.0, 99.0, f64::NAN, f64::INFINITY] {
                assert_eq!(Params::from_offer(&one(name, number(value))), None);
            }
            for text in ["1e1", "010", "", "ten"] {
                assert_eq!(Params::from_offer(&one(name, ParamValue::Text(text.into()))), None);
            }
            for bits in 8..=15u8 {
                let list = one(name, number(f64::from(bits)));
                assert!(Params::from_offer(&list).is_some());
                assert!(Params::from_answer(&list).is_some());
            }
        }
    }

    #[test]
    fn only_an_offers_client_window_may_stand_without_a_value() {
        let list = one("client_max_window_bits", ParamValue::True);
        let offer = Params::from_offer(&list).map(|params| params.client_max_window_bits);
        assert_eq!(offer, Some(Some(ClientWindow::Any)));
        assert_eq!(Params::from_answer(&list), None);
        assert_eq!(Params::from_offer(&one("server_max_window_bits", ParamValue::True)), None);
    }

    #[test]
    fn flags_take_no_value() {
        for name in ["server_no_context_takeover", "client_no_context_takeover"] {
            assert!(Params::from_offer(&one(name, ParamValue::True)).is_some());
            assert_eq!(Params::from_offer(&one(name, number(1.0))), None);
            assert_eq!(Params::from_offer(&one(name, ParamValue::Text("true".into()))), None);
        }
    }

    #[test]
    fn unknown_and_repeated_parameters_are_declined() {
        for name in ["x", "", "__proto__", "constructor", "Server_no_context_takeover"] {
            assert_eq!(Params::from_offer(&one(name, ParamValue::True)), None);
        }
        let name = "client_no_context_takeover".to_owned();
        let list = [(name.clone(), vec![ParamValue::True, ParamValue::True])];
        assert_eq!(Params::from_offer(&list), None);
        let list = [(name.clone(), vec![ParamValue::True]), (name, vec![ParamValue::True])];
        assert_eq!(Params::from_offer(&list), None);
    }

    #[test]
    fn what_is_written_reads_back() {
        let params = Params {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            server_max_window_bits: Some(8),
            client_max_window_bits: Some(ClientWindow::Bits(15)),
        };
        assert_eq!(Params::from_offer(&params.to_offer()), Some(params));
        assert_eq!(Params::from_answer(&params.to_answer()), Some(params));
    }
}
