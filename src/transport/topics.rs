//! Messages published to a topic, on their way between the JavaScript threads of the process.
//!
//! Each thread with subscribers has an inbox, which knows their topics. A publication is put into
//! the inboxes of all other threads that have its topic: the bytes are shared, not copied, and a
//! thread is woken when its inbox was empty. Publications of one thread arrive at another in their
//! order.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::doorbell::Doorbell;

/// Most bytes of payload that wait for one thread; more are refused. A thread that is blocked for
/// long would otherwise take the process's memory.
const MOST_WAITING: usize = 64 << 20;

/// A message and its topic.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Publication {
    pub(crate) topic: Box<str>,
    /// Whether the payload is UTF-8, to be sent as a text.
    pub(crate) is_text: bool,
    pub(crate) payload: Box<[u8]>,
}

/// Which topics a thread takes.
#[derive(Default)]
struct Interest {
    topics: HashSet<Box<str>>,
    /// All, whoever subscribes: the thread passes them on to other machines.
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

    /// Whether there was room for a publication that the thread takes, or it does not take it.
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
    /// How many there are, for those that only want to know whether anybody listens.
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

/// Of this process: an inbox is a thread's, and a thread may have loaded the addon twice.
static EXCHANGE: Exchange = Exchange::new();

/// What one thread is to deliver. Dropped, the thread takes nothing any more.
pub(crate) struct Inbox {
    shared: Arc<Shared>,
}

impl Inbox {
    /// An inbox that takes no topic yet. `doorbell` rings when the first publication waits in it.
    pub(crate) fn open(doorbell: Box<dyn Doorbell>) -> Self {
        let shared = Arc::new(Shared { state: Mutex::default(), doorbell });
        EXCHANGE.with(|inboxes| inboxes.push(Arc::clone(&shared)));
        Self { shared }
    }

    /// Takes the publications of a topic from now on.
    pub(crate) fn subscribe(&self, topic: &str) {
        self.shared.state().interest.topics.insert(topic.into());
    }

    /// Takes them no more; those that wait already are for nobody.
    pub(crate) fn unsubscribe(&self, topic: &str) {
        self.shared.state().interest.topics.remove(topic);
    }

    /// Takes the publications of all topics, or of those subscribed to only. False where another
    /// thread of the process does so: each would pass on what the other does.
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

    /// The publication that has waited longest.
    pub(crate) fn take(&self) -> Option<Arc<Publication>> {
        let mut state = self.shared.state();
        let publication = state.waiting.pop_front()?;
        state.bytes -= publication.payload.len();
        Some(publication)
    }

    /// Rings again for what has been left in the inbox.
    pub(crate) fn ring(&self) {
        self.shared.doorbell.ring();
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        EXCHANGE.with(|inboxes| inboxes.retain(|other| !Arc::ptr_eq(other, &self.shared)));
    }
}

/// Puts a publication, which `make` makes if anybody may take it, into the inboxes of all threads
/// but the one it comes from. Returns how many of them had no room for it.
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
