//! Waking the JavaScript thread from other threads.

/// Wakes a JavaScript thread, which then asks what has changed.
pub(crate) trait Doorbell: Send + Sync {
    /// May be called on any thread; does not block.
    fn ring(&self);
}
