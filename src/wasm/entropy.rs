//! Node's random source behind the core's [`Entropy`](crate::proto::Entropy).

use wasm_bindgen::prelude::*;

use crate::proto::BatchedEntropy;

#[wasm_bindgen(module = "crypto")]
extern "C" {
    #[wasm_bindgen(js_name = randomFillSync)]
    fn random_fill(bytes: &mut [u8]);
}

/// Unpredictable bytes from Node.
pub(super) fn node_entropy() -> BatchedEntropy {
    BatchedEntropy::new(random_fill)
}
