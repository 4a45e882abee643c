//! JavaScript values in the form the addon gives them: null for `None`, and plain objects.

use js_sys::{Object, Reflect};
use wasm_bindgen::prelude::*;

/// The value, or null.
pub(super) fn or_null(value: Option<impl Into<JsValue>>) -> JsValue {
    value.map_or(JsValue::NULL, Into::into)
}

/// An object with the properties that have a value.
pub(super) fn object<const N: usize>(properties: [(&str, Option<JsValue>); N]) -> JsValue {
    let object = Object::new();
    for (name, value) in properties {
        let Some(value) = value else { continue };
        // `set` fails only for frozen objects and Proxies; this object is new and plain.
        let _ = Reflect::set(&object, &name.into(), &value);
    }
    object.into()
}

/// The JavaScript error that an exported function throws for `error`.
pub(super) fn failed(error: impl std::fmt::Display) -> JsError {
    JsError::new(&error.to_string())
}
