//! What a peer can make us spend: rates, and memory before a message has arrived.

use faye_websocket_rs::proto::{TokenBucket, growth};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::generated::cases;

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn a_bucket_gives_no_more_than_a_seconds_worth_and_its_rate(
        rate in 0.1_f64..100.0, start in 0.0_f64..1e6,
        waits in vec(prop_oneof![Just(0.0), 0.0_f64..0.1, 0.0_f64..5.0], 1..60),
    ) {
        let mut bucket = TokenBucket::new(rate);
        let mut now = start;
        let (mut taken, mut refused) = (0_u32, 0_u32);
        for wait in &waits {
            now += wait;
            if bucket.take(now) {
                taken += 1;
            } else {
                refused += 1;
                // It is empty: what comes in the time that one token takes is one token.
                let mut later = bucket;
                prop_assert!(later.take(now + 1.001 / rate));
            }
        }
        let most = rate.max(1.0) + rate * (now - start);
        prop_assert!(f64::from(taken) <= most + 1e-6 * most, "{taken} of {most}");
        // Whoever stays below the rate is never refused.
        if waits.iter().skip(1).all(|wait| *wait >= 1.001 / rate) {
            prop_assert_eq!(refused, 0);
        }
    }

    #[test]
    fn memory_is_taken_for_what_has_arrived_and_at_most_sixteen_times_that(
        arrived in prop_oneof![0_usize..1 << 30, any::<usize>()],
        missing in prop_oneof![0_u64..1 << 30, any::<u64>()],
    ) {
        let capacity = growth::capacity(arrived, missing);
        let needed = (arrived as u128) + u128::from(missing);
        prop_assert!(capacity >= arrived);
        prop_assert!(capacity as u128 <= needed);
        prop_assert!(capacity as u128 <= 16 * arrived as u128);
        prop_assert!(capacity as u128 == needed.min(16 * arrived as u128).min(usize::MAX as u128));
    }
}
