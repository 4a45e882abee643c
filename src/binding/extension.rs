//! The grammar of Sec-WebSocket-Extensions, for plug-ins written in JavaScript.

use napi::bindgen_prelude::{Either3, Error, Result, Status};
use napi_derive::napi;

use crate::proto::extension::header::{self, ParamValue};

type Value = Either3<bool, f64, String>;

/// The offers or responses in a header: for each its name, then keys and values in turn. A
/// parameter without a value is `true`; one that comes twice stands there twice.
#[napi(catch_unwind)]
pub fn parse_extensions(header: String) -> Result<Vec<Vec<Value>>> {
    let offers = header::parse(&header)
        .map_err(|error| Error::new(Status::InvalidArg, error.to_string()))?;
    Ok(offers
        .into_iter()
        .map(|offer| {
            let params = offer.params.into_iter().flat_map(|(key, values)| {
                values.into_iter().flat_map(move |value| [Either3::C(key.clone()), show(value)])
            });
            std::iter::once(Either3::C(offer.name)).chain(params).collect()
        })
        .collect())
}

/// One extension with its parameters, keys and values in turn, as it stands in a header.
#[napi(catch_unwind)]
pub fn serialize_extension(name: String, pairs: Vec<Value>) -> String {
    let mut pairs = pairs.into_iter();
    let mut params: header::Params = Vec::new();
    while let (Some(key), Some(value)) = (pairs.next(), pairs.next()) {
        let Either3::C(key) = key else { continue };
        params.push((key, vec![read(value)]));
    }
    header::serialize(&name, &params)
}

fn show(value: ParamValue) -> Value {
    match value {
        ParamValue::True => Either3::A(true),
        ParamValue::Number(number, _) => Either3::B(number),
        ParamValue::Text(text) => Either3::C(text),
    }
}

fn read(value: Value) -> ParamValue {
    match value {
        Either3::A(_) => ParamValue::True,
        Either3::B(number) => ParamValue::Number(number, number.to_string()),
        Either3::C(text) => ParamValue::Text(text),
    }
}
