//! Rules of the core over values that are generated, not chosen. The values are the same in every run;
//! `PROPTEST_CASES` and `PROPTEST_RNG_SEED` play more and others:
//!
//! ```text
//! PROPTEST_CASES=100000 PROPTEST_RNG_SEED=7 cargo test --release --no-default-features --test properties
//! ```

mod compression;
mod drafts;
mod eventsource;
mod extensions;
mod frames;
mod generated;
mod heads;
mod limits;
mod messages;
mod text;
