//! Messages published to topics, between the JavaScript threads of the process.
//!
//! Each thread with subscribers has an inbox, with the set of their topics. A publication is put
//! into the inboxes of all other threads that have its topic: its bytes are shared, not copied, and
//! a thread is woken if its inbox was empty. Publications of one thread arrive at another in order.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::doorbell::Doorbell;

/// Most bytes of payloads in one inbox; further publications are refused, so that a thread that is
/// blocked cannot fill the memory of the process.
const MOST_WAITING: usize = 64 << 20;

/// A message and its topic.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Publication {
    pub(crate) topic: Box<str>,
    /// Whether the payload is UTF-8, to be sent as a text.
    pub(crate) is_text: bool,
    pub(crate) payload: Box<[u8]>,
}

/// The topics of which a thread gets publications.
#[derive(Default)]
struct Interest {
    topics: HashSet<Box<str>>,
    /// All topics: the thread passes publications on to other processes.
    is_relay: bool,
}

#[derive(Default)]
struct State {
    interest: Interest,
    waiting: VecDeque<Arc<Publication>>,
    bytes: usize,
}

struct Shared {
    state: Mutex<State>,
    doorbell: Box<dyn Doorbell>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a publication into the inbox, if the thread has its topic; false if the inbox is full.
    fn put(&self, publication: &Arc<Publication>) -> bool {
        let mut state = self.state();
        let Interest { topics, is_relay } = &state.interest;
        if !is_relay && !topics.contains(&publication.topic) {
            return true;
        }
        let length = publication.payload.len();
        if state.bytes + length > MOST_WAITING && !state.waiting.is_empty() {
            return false;
        }
        state.bytes += length;
        state.waiting.push_back(Arc::clone(publication));
        let was_empty = state.waiting.len() == 1;
        drop(state);
        if was_empty {
            self.doorbell.ring();
        }
        true
    }
}

/// The inboxes of a process.
struct Exchange {
    inboxes: Mutex<Vec<Arc<Shared>>>,
    /// Their number, which can be read without the lock.
    count: AtomicUsize,
}

impl Exchange {
    const fn new() -> Self {
        Self { inboxes: Mutex::new(Vec::new()), count: AtomicUsize::new(0) }
    }

    /// Runs `act` on the list of inboxes, and counts them afterwards.
    fn with<R>(&self, act: impl FnOnce(&mut Vec<Arc<Shared>>) -> R) -> R {
        let mut inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut inboxes);
        self.count.store(inboxes.len(), Ordering::Relaxed);
        result
    }
}

/// The exchange of this process. A thread that has loaded the addon twice has two inboxes.
static EXCHANGE: Exchange = Exchange::new();

/// The publications that one thread has to deliver. When the inbox is dropped, the thread gets no
/// others.
pub(crate) struct Inbox {
    shared: Arc<Shared>,
}

impl Inbox {
    /// An inbox without topics. `doorbell` rings when a publication was put into the empty inbox.
    pub(crate) fn open(doorbell: Box<dyn Doorbell>) -> Self {
        let shared = Arc::new(Shared { state: Mutex::default(), doorbell });
        EXCHANGE.with(|inboxes| inboxes.push(Arc::clone(&shared)));
        Self { shared }
    }

    /// Adds a topic.
    pub(crate) fn subscribe(&self, topic: &str) {
        self.shared.state().interest.topics.insert(topic.into());
    }

    /// Removes a topic. Publications that are already in the inbox are not delivered.
    pub(crate) fn unsubscribe(&self, topic: &str) {
        self.shared.state().interest.topics.remove(topic);
    }

    /// Adds all topics, or returns to those that were added one by one. False where another thread
    /// of the process has all topics: both would pass each publication on to other processes.
    pub(crate) fn set_relay(&self, on: bool) -> bool {
        EXCHANGE.with(|inboxes| {
            let is_taken = inboxes
                .iter()
                .any(|other| !Arc::ptr_eq(other, &self.shared) && other.state().interest.is_relay);
            if on && is_taken {
                return false;
            }
            self.shared.state().interest.is_relay = on;
            true
        })
    }

    /// Takes the publication that has waited longest.
    pub(crate) fn take(&self) -> Option<Arc<Publication>> {
        let mut state = self.shared.state();
        let publication = state.waiting.pop_front()?;
        state.bytes -= publication.payload.len();
        Some(publication)
    }

    /// Rings the doorbell again, for publications that were left in the inbox.
    pub(crate) fn ring(&self) {
        self.shared.doorbell.ring();
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        EXCHANGE.with(|inboxes| inboxes.retain(|other| !Arc::ptr_eq(other, &self.shared)));
    }
}

/// Puts a publication into the inboxes of all threads but the one that it comes from. `make` is
/// called only if there are other inboxes. Returns the number of inboxes that were full.
pub(crate) fn publish(from: Option<&Inbox>, make: impl FnOnce() -> Publication) -> usize {
    // A thread that opens its inbox at this moment subscribes after the publication.
    if EXCHANGE.count.load(Ordering::Relaxed) == usize::from(from.is_some()) {
        return 0;
    }
    let publication = Arc::new(make());
    EXCHANGE.with(|inboxes| {
        let others = inboxes
            .iter()
            .filter(|shared| from.is_none_or(|from| !Arc::ptr_eq(shared, &from.shared)));
        others.filter(|shared| !shared.put(&publication)).count()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::MutexGuard;
    use std::thread;

    use super::*;

    /// The exchange is the process's: one test at a time.
    static ALONE: Mutex<()> = Mutex::new(());

    fn alone() -> MutexGuard<'static, ()> {
        ALONE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[derive(Clone, Default)]
    struct Count(Arc<AtomicUsize>);

    impl Doorbell for Count {
        fn ring(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn inbox(topics: &[&str]) -> (Inbox, Count) {
        let count = Count::default();
        let inbox = Inbox::open(Box::new(count.clone()));
        for topic in topics {
            inbox.subscribe(topic);
        }
        (inbox, count)
    }

    fn text(topic: &str, payload: &str) -> Publication {
        Publication { topic: topic.into(), is_text: true, payload: payload.as_bytes().into() }
    }

    fn payloads(inbox: &Inbox) -> Vec<String> {
        std::iter::from_fn(|| inbox.take())
            .map(|publication| String::from_utf8_lossy(&publication.payload).into_owned())
            .collect()
    }

    #[test]
    fn a_publication_reaches_the_threads_that_have_its_topic_but_not_its_own() {
        let _alone = alone();
        let (here, _) = inbox(&["a"]);
        let (there, rung) = inbox(&["a", "b"]);
        let (elsewhere, silent) = inbox(&["b"]);
        assert_eq!(publish(Some(&here), || text("a", "1")), 0);
        assert_eq!(publish(Some(&here), || text("a", "2")), 0);
        assert_eq!((payloads(&here), payloads(&elsewhere)), (vec![], vec![]));
        assert_eq!(payloads(&there), ["1", "2"]);
        // One wake-up for all that waits.
        assert_eq!((rung.0.load(Ordering::SeqCst), silent.0.load(Ordering::SeqCst)), (1, 0));
        there.unsubscribe("a");
        publish(None, || text("a", "3"));
        assert_eq!((payloads(&here), payloads(&there)), (vec!["3".to_owned()], vec![]));
    }

    #[test]
    fn nothing_is_made_for_nobody() {
        let _alone = alone();
        assert_eq!(publish(None, || unreachable!("nobody listens")), 0);
        let (here, _) = inbox(&["a"]);
        assert_eq!(publish(Some(&here), || unreachable!("nobody else listens")), 0);
        drop(here);
        assert_eq!(publish(None, || unreachable!("nobody listens any more")), 0);
    }

    #[test]
    fn a_full_inbox_refuses_and_has_room_again() {
        let _alone = alone();
        let (there, _) = inbox(&["a"]);
        let long = || Publication {
            topic: "a".into(),
            is_text: false,
            payload: vec![0; MOST_WAITING / 2].into(),
        };
        assert_eq!([publish(None, long), publish(None, long), publish(None, long)], [0, 0, 1]);
        assert!(there.take().is_some());
        assert_eq!(publish(None, long), 0);
    }

    #[test]
    fn a_relay_takes_every_topic_and_is_alone() {
        let _alone = alone();
        let (relay, _) = inbox(&[]);
        let (other, _) = inbox(&[]);
        assert!(relay.set_relay(true));
        assert!(!other.set_relay(true));
        publish(None, || text("anything", "x"));
        assert_eq!((payloads(&relay), payloads(&other)), (vec!["x".to_owned()], vec![]));
        assert!(relay.set_relay(false) && other.set_relay(true));
    }

    #[test]
    fn publications_of_each_thread_keep_their_order() {
        let _alone = alone();
        const EACH: usize = 200;
        let (there, rung) = inbox(&["a"]);
        thread::scope(|scope| {
            for name in ["x", "y"] {
                scope.spawn(move || {
                    for i in 0..EACH {
                        publish(None, || text("a", &format!("{name}{i:03}")));
                    }
                });
            }
        });
        let got = payloads(&there);
        for name in ["x", "y"] {
            let own: Vec<_> = got.iter().filter(|payload| payload.starts_with(name)).collect();
            assert!(own.len() == EACH && own.is_sorted());
        }
        assert_eq!(rung.0.load(Ordering::SeqCst), 1);
    }
}
