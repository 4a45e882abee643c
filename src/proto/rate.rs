//! Limits on what a peer sends in a second: token buckets, and which frames take a token.
//!
//! There is no clock in the core: the caller passes the time, as a number of seconds.

use super::ProtocolError;
use super::hybi::frame::Opcode;

/// A token bucket: `rate` tokens are added in a second, and it holds those of one second.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    /// Tokens that are added in a second.
    rate: f64,
    tokens: f64,
    /// The time for which `tokens` is right, in seconds.
    at: f64,
}

impl TokenBucket {
    /// A full bucket of `rate` tokens a second. It holds at least one token, or a rate below 1
    /// would admit nothing.
    pub fn new(rate: f64) -> Self {
        Self { rate, tokens: rate.max(1.0), at: 0.0 }
    }

    /// Takes a token; false when there is none. `now` is in seconds, from any point in time that
    /// stays the same.
    pub fn take(&mut self, now: f64) -> bool {
        let passed = (now - self.at).max(0.0);
        // `credit` may have added more than a full bucket holds: those tokens are kept.
        let most = self.rate.max(1.0).max(self.tokens);
        self.tokens = (self.tokens + passed * self.rate).min(most);
        self.at = now;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }

    /// Adds the tokens of so many seconds, also to a full bucket.
    pub fn credit(&mut self, seconds: f64) {
        self.tokens += self.rate * seconds.max(0.0);
    }
}

/// What a peer may send in a second.
#[derive(Clone, Debug)]
pub struct Rates {
    messages: Option<TokenBucket>,
    pings: Option<TokenBucket>,
    /// Pings of ours that were not answered yet: their pongs take no token.
    pongs_due: u32,
    /// The time that the caller has set last, in seconds.
    now: f64,
}

impl Rates {
    /// Limits for messages and for pings a second; `None` for no limit. Without any limit there are
    /// no `Rates`.
    pub fn new(messages: Option<f64>, pings: Option<f64>) -> Option<Self> {
        if messages.is_none() && pings.is_none() {
            return None;
        }
        let [messages, pings] = [messages, pings].map(|rate| rate.map(TokenBucket::new));
        Some(Self { messages, pings, pongs_due: 0, now: 0.0 })
    }

    /// Sets the time, in seconds; before each chunk.
    pub fn set_time(&mut self, now: f64) {
        self.now = now;
    }

    /// Nothing was read for so many seconds: frames that the peer has sent in this time arrive at
    /// once, and are no fault of the peer's.
    pub fn credit(&mut self, seconds: f64) {
        for bucket in [&mut self.messages, &mut self.pings].into_iter().flatten() {
            bucket.credit(seconds);
        }
    }

    /// We have sent a ping.
    pub fn expect_pong(&mut self) {
        self.pongs_due = self.pongs_due.saturating_add(1);
    }

    /// Takes a token for a frame of the peer's whose header has begun.
    ///
    /// # Errors
    ///
    /// There is no token. A pong that answers no ping of ours counts as a ping: it is as much work.
    pub fn admit(&mut self, opcode: Opcode) -> Result<(), ProtocolError> {
        let (bucket, error) = match opcode {
            Opcode::Text | Opcode::Binary => (&mut self.messages, ProtocolError::TooManyMessages),
            Opcode::Pong if self.pongs_due > 0 => {
                self.pongs_due -= 1;
                return Ok(());
            }
            Opcode::Ping | Opcode::Pong => (&mut self.pings, ProtocolError::TooManyPings),
            Opcode::Continuation | Opcode::Close => return Ok(()),
        };
        let now = self.now;
        if bucket.as_mut().is_none_or(|bucket| bucket.take(now)) { Ok(()) } else { Err(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `wanted` tokens there are at `now`.
    fn taken(bucket: &mut TokenBucket, wanted: usize, now: f64) -> usize {
        (0..wanted).filter(|_| bucket.take(now)).count()
    }

    #[test]
    fn a_seconds_worth_is_there_at_once_and_no_more() {
        let mut bucket = TokenBucket::new(10.0);
        assert_eq!(taken(&mut bucket, 20, 1000.0), 10);
        assert_eq!(taken(&mut bucket, 20, 1000.0), 0);
        assert_eq!(taken(&mut bucket, 20, 1000.25), 2);
        assert_eq!(taken(&mut bucket, 20, 5000.0), 10);
    }

    #[test]
    fn a_rate_below_one_lets_one_through_now_and_then() {
        let mut bucket = TokenBucket::new(0.1);
        assert_eq!(taken(&mut bucket, 5, 0.0), 1);
        assert_eq!(taken(&mut bucket, 5, 9.0), 0);
        assert_eq!(taken(&mut bucket, 5, 11.0), 1);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let mut bucket = TokenBucket::new(2.0);
        assert_eq!(taken(&mut bucket, 5, 100.0), 2);
        assert_eq!(taken(&mut bucket, 5, 50.0), 0);
    }

    #[test]
    fn what_was_not_read_is_allowed_later_and_once() {
        let mut bucket = TokenBucket::new(10.0);
        assert_eq!(taken(&mut bucket, 20, 0.0), 10);
        bucket.credit(3.0);
        assert_eq!(taken(&mut bucket, 50, 3.0), 30);
        assert_eq!(taken(&mut bucket, 50, 100.0), 10);
    }

    #[test]
    fn what_is_not_limited_is_not_counted() {
        assert!(Rates::new(None, None).is_none());
        let mut rates = Rates::new(None, Some(1.0)).unwrap();
        for _ in 0..1000 {
            rates.admit(Opcode::Binary).unwrap();
            rates.admit(Opcode::Continuation).unwrap();
            rates.admit(Opcode::Close).unwrap();
        }
        rates.admit(Opcode::Ping).unwrap();
        assert_eq!(rates.admit(Opcode::Ping), Err(ProtocolError::TooManyPings));
    }

    #[test]
    fn an_answer_is_free_and_a_pong_that_answers_nothing_is_not() {
        let mut rates = Rates::new(Some(1.0), Some(1.0)).unwrap();
        rates.expect_pong();
        rates.expect_pong();
        for _ in 0..3 {
            rates.admit(Opcode::Pong).unwrap();
        }
        assert_eq!(rates.admit(Opcode::Pong), Err(ProtocolError::TooManyPings));
        rates.admit(Opcode::Text).unwrap();
        assert_eq!(rates.admit(Opcode::Binary), Err(ProtocolError::TooManyMessages));
    }
    #[test]
    fn time_that_passes_and_time_that_was_not_read_count_for_either_kind() {
        let mut rates = Rates::new(Some(2.0), Some(1.0)).unwrap();
        let mut admitted = |wanted: usize, seconds: f64, credit: f64| {
            rates.set_time(seconds);
            rates.credit(credit);
            [Opcode::Binary, Opcode::Ping]
                .map(|opcode| (0..wanted).filter(|_| rates.admit(opcode).is_ok()).count())
        };
        assert_eq!(admitted(9, 0.0, 0.0), [2, 1]);
        assert_eq!(admitted(9, 0.5, 0.0), [1, 0]);
        assert_eq!(admitted(9, 1.0, 0.0), [1, 1]);
        assert_eq!(admitted(9, 1.0, 3.0), [6, 3]);
    }
}
