//! How a thread of ours is heard on the JavaScript thread.

/// Tells a JavaScript thread that there is something to do.
pub(crate) trait Doorbell: Send + Sync {
    /// May be called on any thread; must not block.
    fn ring(&self);
}
