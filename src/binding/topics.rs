//! Topics: the class of an inbox for publications of other threads.

use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::{Buffer, BufferSlice, Error, Function, Result, Status, Uint32Array};
use napi_derive::napi;

use super::doorbell::doorbell;
use super::env::Environment;
use super::sessions;
use crate::proto::hybi::frame::Opcode;
use crate::transport::topics::{self, Inbox, Publication};

/// Receives publications of other threads to topics of this one.
#[napi]
pub struct TopicInbox {
    /// `None` once it was closed.
    inbox: Option<Inbox>,
    /// The publication that is being delivered.
    current: Option<Arc<Publication>>,
}

/// A publication of another thread, without its payload.
#[napi(object)]
pub struct TopicMessage {
    pub topic: String,
    pub is_text: bool,
    /// Bytes of the payload.
    pub length: u32,
}

#[napi]
impl TopicInbox {
    /// `on_message` is called when a publication was put into the empty inbox.
    #[napi(constructor)]
    pub fn new(env: Env, on_message: Function<'_, (), ()>) -> Result<Self> {
        let doorbell = doorbell(env, &on_message)?;
        // It does not keep the process alive; the sockets that have subscribed may.
        doorbell.set_ref(env, false)?;
        Ok(Self { inbox: Some(Inbox::open(Box::new(doorbell))), current: None })
    }

    /// Adds a topic.
    #[napi(catch_unwind)]
    pub fn subscribe(&self, topic: String) {
        if let Some(inbox) = &self.inbox {
            inbox.subscribe(&topic);
        }
    }

    /// Removes a topic.
    #[napi(catch_unwind)]
    pub fn unsubscribe(&self, topic: String) {
        if let Some(inbox) = &self.inbox {
            inbox.unsubscribe(&topic);
        }
    }

    /// Adds all topics, or undoes this; false if another thread has all topics.
    #[napi(catch_unwind)]
    pub fn set_relay(&self, on: bool) -> bool {
        self.inbox.as_ref().is_some_and(|inbox| inbox.set_relay(on))
    }

    /// Publishes to the other threads; to those whose inbox is not full.
    #[napi(catch_unwind)]
    pub fn publish(&self, topic: String, is_text: bool, payload: BufferSlice) {
        publish(self.inbox.as_ref(), topic, is_text, &payload);
    }

    /// Takes the publication that has waited longest, which becomes the current one.
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

    /// Has the function called again, for publications that were not taken.
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

    /// A copy of the payload of the current publication, for sockets that cannot be sent it by
    /// `deliver`.
    ///
    /// # Errors
    ///
    /// `take` has not returned a publication.
    #[napi(catch_unwind)]
    pub fn payload(&self) -> Result<Buffer> {
        let nothing =
            || Error::new(Status::GenericFailure, "take() has not returned a publication");
        Ok(self.current.as_ref().ok_or_else(nothing)?.payload.to_vec().into())
    }

    /// Closes the inbox.
    #[napi(catch_unwind)]
    pub fn close(&mut self) {
        self.inbox = None;
        self.current = None;
    }
}

/// Publishes from a thread without an inbox to the others; to those whose inbox is not full.
#[napi(catch_unwind)]
pub fn publish_topic(topic: String, is_text: bool, payload: BufferSlice) {
    publish(None, topic, is_text, &payload);
}

fn publish(from: Option<&Inbox>, topic: String, is_text: bool, payload: &[u8]) {
    let publication = || Publication { topic: topic.into(), is_text, payload: payload.into() };
    topics::publish(from, publication);
}
