//! Node's random source behind the core's [`Entropy`].

use wasm_bindgen::prelude::*;

use crate::proto::Entropy;

/// One call of Node serves a thousand masking keys.
const BATCH: usize = 4096;

#[wasm_bindgen(module = "crypto")]
extern "C" {
    #[wasm_bindgen(js_name = randomFillSync)]
    fn random_fill(bytes: &mut [u8]);
}

/// Unpredictable bytes, drawn 4 KiB at a time.
pub(super) struct NodeEntropy {
    batch: Box<[u8; BATCH]>,
    used: usize,
}

impl Default for NodeEntropy {
    fn default() -> Self {
        Self { batch: Box::new([0; BATCH]), used: BATCH }
    }
}

impl Entropy for NodeEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        if bytes.len() > BATCH {
            return random_fill(bytes);
        }
        if bytes.len() > BATCH - self.used {
            random_fill(self.batch.as_mut_slice());
            self.used = 0;
        }
        let taken = self.used..self.used + bytes.len();
        self.used = taken.end;
        bytes.copy_from_slice(&self.batch[taken.clone()]);
        // A key must not be found in memory after it was handed out.
        self.batch[taken].fill(0);
    }
}
