//! How often a peer may do something: token buckets, and which frames take a token.
//!
//! There is no clock here: whoever has one says what time it is, as a number of seconds.

use super::ProtocolError;
use super::hybi::frame::Opcode;

/// So many a second, and up to one second's worth at once.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    /// Tokens that come in a second.
    rate: f64,
    tokens: f64,
    /// When the tokens were counted, in seconds.
    at: f64,
}

impl TokenBucket {
    /// A full bucket of `rate` tokens a second, and of one token where that is less.
    pub fn new(rate: f64) -> Self {
        Self { rate, tokens: rate.max(1.0), at: 0.0 }
    }

    /// Takes a token; false when there is none. `now` is in seconds and counts from anywhere, but
    /// always from there.
    pub fn take(&mut self, now: f64) -> bool {
        let passed = (now - self.at).max(0.0);
        // What was given beyond a full bucket stays.
        let most = self.rate.max(1.0).max(self.tokens);
        self.tokens = (self.tokens + passed * self.rate).min(most);
        self.at = now;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }

    /// Gives the tokens of so many seconds, however many there are.
    pub fn credit(&mut self, seconds: f64) {
        self.tokens += self.rate * seconds.max(0.0);
    }
}

/// What a peer may send in a second. Limits that are not set cost nothing.
#[derive(Clone, Debug)]
pub struct Rates {
    messages: Option<TokenBucket>,
    pings: Option<TokenBucket>,
    /// Pings of ours that may still be answered: their pongs are free.
    pongs_due: u32,
    /// In seconds.
    now: f64,
}

impl Rates {
    /// Messages and pings a second; `None` where there is no limit of either.
    pub fn new(messages: Option<f64>, pings: Option<f64>) -> Option<Self> {
        if messages.is_none() && pings.is_none() {
            return None;
        }
        let [messages, pings] = [messages, pings].map(|rate| rate.map(TokenBucket::new));
        Some(Self { messages, pings, pongs_due: 0, now: 0.0 })
    }

    /// Says what time it is, in seconds.
    pub fn set_time(&mut self, now: f64) {
        self.now = now;
    }

    /// Nothing was read for so many seconds: what has been sent in them comes at once.
    pub fn credit(&mut self, seconds: f64) {
        for bucket in [&mut self.messages, &mut self.pings].into_iter().flatten() {
            bucket.credit(seconds);
        }
    }

    /// A ping has been sent.
    pub fn expect_pong(&mut self) {
        self.pongs_due = self.pongs_due.saturating_add(1);
    }

    /// Counts a frame of the peer's that begins.
    ///
    /// # Errors
    ///
    /// There are too many of its kind. A pong that answers nothing counts as a ping: it is as much work.
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
