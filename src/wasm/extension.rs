//! The negotiation of extensions for plug-ins written in JavaScript, with the functions of
//! `crate::binding::extension`.

use js_sys::{Array, Function};
use wasm_bindgen::prelude::*;

use super::values::{failed, object, or_null};
use crate::proto::extension::ParamValue;
use crate::proto::extension::header::Params;
use crate::proto::extension::negotiate::{self, Agreed, Candidate, NegotiationError};

/// A client's offer, or null.
#[wasm_bindgen(js_name = offerExtensions)]
pub fn offer_extensions(names: Vec<String>, params: Vec<Array>) -> Result<JsValue, JsError> {
    let params = params.iter().map(read_params);
    let offers: Vec<_> = names.iter().map(String::as_str).zip(params).collect();
    negotiate::offer(&offers).map(or_null).map_err(failed)
}

/// A server's response to the offers in a header; null when `ask` has returned null.
#[wasm_bindgen(js_name = answerExtensions)]
pub fn answer_extensions(
    offers: &str,
    names: Vec<String>,
    rsv: Vec<u32>,
    ask: &Function,
) -> Result<JsValue, JsValue> {
    let answered = negotiate::answer(offers, &Candidate::list(&names, &rsv), |place, offers| {
        let offers: Array = offers.iter().map(|params| write_params((*params).clone())).collect();
        let answer = ask.call2(&JsValue::NULL, &(place as u32).into(), &offers);
        let answer = answer.map_err(Some)?;
        if answer.is_null() {
            return Err(None);
        }
        Ok(answer.dyn_ref::<Array>().map(read_params))
    });
    agreed(answered)
}

/// Checks the server's header for a client; null when `ask` has returned null.
#[wasm_bindgen(js_name = acceptExtensions)]
pub fn accept_extensions(
    answer: &str,
    names: Vec<String>,
    rsv: Vec<u32>,
    ask: &Function,
) -> Result<JsValue, JsValue> {
    let accepted = negotiate::accept(answer, &Candidate::list(&names, &rsv), |place, params| {
        let params = write_params(params.clone());
        let answer = ask.call2(&JsValue::NULL, &(place as u32).into(), &params);
        answer.map_err(Some)?.as_bool().ok_or(None)
    });
    agreed(accepted.map(|agreed| (agreed, None)))
}

fn agreed(
    outcome: Result<(Agreed, Option<String>), NegotiationError<Option<JsValue>>>,
) -> Result<JsValue, JsValue> {
    match outcome.map_err(NegotiationError::own) {
        Ok((Agreed { members, rsv }, header)) => {
            let members: Array =
                members.into_iter().map(|place| JsValue::from(place as u32)).collect();
            Ok(object([
                ("members", Some(members.into())),
                ("rsv", Some(rsv.into())),
                ("header", header.map(Into::into)),
            ]))
        }
        Err(Ok(error)) => Err(failed(error).into()),
        Err(Err(thrown)) => thrown.map_or(Ok(JsValue::NULL), Err),
    }
}

/// The parameters as a list of key, value, key, value.
pub(super) fn write_params(params: Params) -> Array {
    let values = params.into_iter().flat_map(|(key, values)| {
        values.into_iter().flat_map(move |value| [JsValue::from(&key), write_value(value)])
    });
    values.collect()
}

pub(super) fn read_params(list: &Array) -> Params {
    let mut list = list.iter();
    let mut params = Params::new();
    while let (Some(key), Some(value)) = (list.next(), list.next()) {
        let Some(key) = key.as_string() else { continue };
        params.push((key, vec![read_value(&value)]));
    }
    params
}

fn write_value(value: ParamValue) -> JsValue {
    match value {
        ParamValue::True => true.into(),
        ParamValue::Number(number, _) => number.into(),
        ParamValue::Text(text) => text.into(),
    }
}

fn read_value(value: &JsValue) -> ParamValue {
    match (value.as_f64(), value.as_string()) {
        (Some(number), _) => ParamValue::Number(number, number.to_string()),
        (None, Some(text)) => ParamValue::Text(text),
        (None, None) => ParamValue::True,
    }
}
