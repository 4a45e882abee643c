//! Topics, as JavaScript sees them: an inbox for what other threads publish.

use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::{Buffer, BufferSlice, Error, Function, Result, Status, Uint32Array};
use napi_derive::napi;

use super::doorbell::doorbell;
use super::env::Environment;
use super::sessions;
use crate::proto::hybi::frame::Opcode;
use crate::transport::topics::{self, Inbox, Publication};

/// What other threads have published to topics of this one.
#[napi]
pub struct TopicInbox {
    /// `None` once it was closed.
    inbox: Option<Inbox>,
    /// The publication that is being delivered.
    current: Option<Arc<Publication>>,
}

/// A publication of another thread; its payload stays native.
#[napi(object)]
pub struct TopicMessage {
    pub topic: String,
    pub is_text: bool,
    /// Bytes of the payload.
    pub length: u32,
}

#[napi]
impl TopicInbox {
    /// `on_message` is called when something waits to be taken, until nothing does any more.
    #[napi(constructor)]
    pub fn new(env: Env, on_message: Function<'_, (), ()>) -> Result<Self> {
        let doorbell = doorbell(env, &on_message)?;
        // The sockets that have subscribed keep the process alive, if they want to.
        doorbell.set_ref(env, false)?;
        Ok(Self { inbox: Some(Inbox::open(Box::new(doorbell))), current: None })
    }

    /// Takes what is published to a topic.
    #[napi(catch_unwind)]
    pub fn subscribe(&self, topic: String) {
        if let Some(inbox) = &self.inbox {
            inbox.subscribe(&topic);
        }
    }

    /// Takes it no more.
    #[napi(catch_unwind)]
    pub fn unsubscribe(&self, topic: String) {
        if let Some(inbox) = &self.inbox {
            inbox.unsubscribe(&topic);
        }
    }

    /// Takes what is published to any topic, or no more; false when another thread does.
    #[napi(catch_unwind)]
    pub fn set_relay(&self, on: bool) -> bool {
        self.inbox.as_ref().is_some_and(|inbox| inbox.set_relay(on))
    }

    /// Publishes to the other threads, as far as they have room for it.
    #[napi(catch_unwind)]
    pub fn publish(&self, topic: String, is_text: bool, payload: BufferSlice) {
        publish(self.inbox.as_ref(), topic, is_text, &payload);
    }

    /// The publication that has waited longest, which becomes the current one.
    #[napi(catch_unwind)]
    pub fn take(&mut self) -> Option<TopicMessage> {
        self.current = self.inbox.as_ref().and_then(Inbox::take);
        let Publication { topic, is_text, payload } = &**self.current.as_ref()?;
        Some(TopicMessage {
            topic: topic.to_string(),
            is_text: *is_text,
            length: payload.len() as u32,
        })
    }

    /// Has the function called again, for what was not taken.
    #[napi(catch_unwind)]
    pub fn ring(&self) {
        if let Some(inbox) = &self.inbox {
            inbox.ring();
        }
    }

    /// Appends the current publication to sessions, as `broadcast` does.
    #[napi(catch_unwind)]
    pub fn deliver(&self, env: Env, ids: Uint32Array) {
        let Some(current) = &self.current else { return };
        let opcode = if current.is_text { Opcode::Text } else { Opcode::Binary };
        sessions::all(Environment::of(&env)).broadcast(&ids, opcode, &current.payload);
    }

    /// The payload of the current publication, for those that cannot be given it natively.
    ///
    /// # Errors
    ///
    /// Nothing was taken.
    #[napi(catch_unwind)]
    pub fn payload(&self) -> Result<Buffer> {
        let nothing = || Error::new(Status::GenericFailure, "no publication was taken");
        Ok(self.current.as_ref().ok_or_else(nothing)?.payload.to_vec().into())
    }

    /// Takes nothing any more.
    #[napi(catch_unwind)]
    pub fn close(&mut self) {
        self.inbox = None;
        self.current = None;
    }
}

/// Publishes to the other threads, as far as they have room for it, from one that has no inbox.
#[napi(catch_unwind)]
pub fn publish_topic(topic: String, is_text: bool, payload: BufferSlice) {
    publish(None, topic, is_text, &payload);
}

fn publish(from: Option<&Inbox>, topic: String, is_text: bool, payload: &[u8]) {
    let publication = || Publication { topic: topic.into(), is_text, payload: payload.into() };
    topics::publish(from, publication);
}
