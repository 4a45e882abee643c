//! Values of JavaScript as the addon makes them: null for what is not there, and plain objects.

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
        // An object that was just made takes any property.
        let _ = Reflect::set(&object, &name.into(), &value);
    }
    object.into()
}

/// What a call throws.
pub(super) fn failed(error: impl std::fmt::Display) -> JsError {
    JsError::new(&error.to_string())
}
