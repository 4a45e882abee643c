//! The negotiation of extensions, for plug-ins that are written in JavaScript.
//!
//! The parameters of a plug-in are one list, keys and values in turn. The value of a parameter
//! without one is `true`; a repeated parameter is repeated in the list.

use std::fmt;

use napi::bindgen_prelude::{Either, Either3, Error, FnArgs, Function, Result, Status};
use napi_derive::napi;

use crate::proto::extension::ParamValue;
use crate::proto::extension::header::Params;
use crate::proto::extension::negotiate::{self, Agreed, Candidate, NegotiationError};

/// A key or a value; `true` is that of a parameter without a value.
#[napi]
pub type Value = Either3<bool, f64, String>;
/// Parameters of an extension: keys and values in turn.
#[napi]
pub type ParamList = Vec<Value>;
/// A server's plug-in declines, or answers with its parameters.
#[napi]
pub type PluginAnswer = Either<bool, ParamList>;

/// The extensions that both sides have agreed on.
#[napi(object)]
pub struct AgreedExtensions {
    /// Their indices in the list that was given, in the order in which messages pass through them.
    pub members: Vec<u32>,
    /// Reserved bits they use: RSV1 is 4, RSV2 is 2, RSV3 is 1.
    pub rsv: u32,
    /// A server's answer.
    pub header: Option<String>,
}

/// A client's offer, or null: of each extension its name and one list of parameters.
#[napi(catch_unwind)]
pub fn offer_extensions(names: Vec<String>, params: Vec<ParamList>) -> Result<Option<String>> {
    let params = params.into_iter().map(read_params);
    let offers: Vec<_> = names.iter().map(String::as_str).zip(params).collect();
    negotiate::offer(&offers).map_err(failed)
}

/// A server's answer to the offers in a header. `ask` gets the index of an extension and the
/// parameters of each of its offers; it returns the parameters of the answer, or false to decline.
/// Null from `ask` ends the negotiation, which then returns null.
#[napi(catch_unwind)]
pub fn answer_extensions(
    offers: String,
    names: Vec<String>,
    rsv: Vec<u32>,
    ask: Function<FnArgs<(u32, Vec<ParamList>)>, Option<PluginAnswer>>,
) -> Result<Option<AgreedExtensions>> {
    let answered = negotiate::answer(&offers, &Candidate::list(&names, &rsv), |place, offers| {
        let offers = offers.into_iter().map(|params| write_params(params.clone())).collect();
        match ask.call(FnArgs::from((place as u32, offers))).map_err(Some)? {
            Some(Either::B(params)) => Ok(Some(read_params(params))),
            Some(Either::A(_)) => Ok(None),
            None => Err(None),
        }
    });
    agreed(answered)
}

/// A client's judgement of the server's header. `ask` gets the index of an extension and the
/// parameters of the server, and returns whether the extension accepts them. Null from `ask` ends
/// the negotiation, which then returns null.
#[napi(catch_unwind)]
pub fn accept_extensions(
    answer: String,
    names: Vec<String>,
    rsv: Vec<u32>,
    ask: Function<FnArgs<(u32, ParamList)>, Option<bool>>,
) -> Result<Option<AgreedExtensions>> {
    let accepted = negotiate::accept(&answer, &Candidate::list(&names, &rsv), |place, params| {
        let params = write_params(params.clone());
        ask.call(FnArgs::from((place as u32, params))).map_err(Some)?.ok_or(None)
    });
    agreed(accepted.map(|agreed| (agreed, None)))
}

/// The result of a negotiation for JavaScript: null where `ask` has returned null, after the
/// exception of a plug-in, which JavaScript throws itself. An extension's error, if there is one,
/// is that of Node-API.
fn agreed(
    outcome: std::result::Result<(Agreed, Option<String>), NegotiationError<Option<Error>>>,
) -> Result<Option<AgreedExtensions>> {
    match outcome.map_err(NegotiationError::own) {
        Ok((Agreed { members, rsv }, header)) => {
            let members = members.into_iter().map(|place| place as u32).collect();
            Ok(Some(AgreedExtensions { members, rsv: rsv.into(), header }))
        }
        Err(Ok(error)) => Err(failed(error)),
        Err(Err(of_node)) => of_node.map_or(Ok(None), Err),
    }
}

fn failed(error: impl fmt::Display) -> Error {
    Error::new(Status::GenericFailure, error.to_string())
}

pub(super) fn write_params(params: Params) -> ParamList {
    let values = params.into_iter().flat_map(|(key, values)| {
        values.into_iter().flat_map(move |value| [Either3::C(key.clone()), write_value(value)])
    });
    values.collect()
}

pub(super) fn read_params(list: ParamList) -> Params {
    let mut list = list.into_iter();
    let mut params = Params::new();
    while let (Some(key), Some(value)) = (list.next(), list.next()) {
        let Either3::C(key) = key else { continue };
        params.push((key, vec![read_value(value)]));
    }
    params
}

fn write_value(value: ParamValue) -> Value {
    match value {
        ParamValue::True => Either3::A(true),
        ParamValue::Number(number, _) => Either3::B(number),
        ParamValue::Text(text) => Either3::C(text),
    }
}

fn read_value(value: Value) -> ParamValue {
    match value {
        Either3::A(_) => ParamValue::True,
        Either3::B(number) => ParamValue::Number(number, number.to_string()),
        Either3::C(text) => ParamValue::Text(text),
    }
}
