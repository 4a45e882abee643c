//! Two of ours: what one end sends the other hears, in order, whatever the network cuts it into.

#![no_main]

use faye_websocket_rs::proto::connection::Connection;
use faye_websocket_rs::proto::hybi::frame::{MAX_HEADER, Opcode};
use faye_websocket_rs::proto::{CloseCode, Output};
use faye_websocket_rs_fuzz::{Fixed, Heard, Listener, Plan, Wishes, pair};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Scenario {
    ours: Option<Wishes>,
    theirs: Option<Wishes>,
    from_client: Vec<Message>,
    from_server: Vec<Message>,
    goodbye: Option<(bool, String)>,
    cuts: [u8; 4],
}

#[derive(Arbitrary, Debug)]
enum Message {
    Text(String),
    Binary(Vec<u8>),
    /// Text that compresses, and lengths that change their form.
    Long {
        text: String,
        times: u16,
    },
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// Compressed elsewhere, and given back at once.
    Aside(Vec<u8>),
}

/// Appends a message to what is on its way, and what the other end must hear of it.
fn send(from: &mut Connection, message: &Message, out: &mut Output, expected: &mut Vec<Heard>) {
    let (opcode, payload) = match message {
        Message::Text(text) => (Opcode::Text, text.as_bytes().to_vec()),
        Message::Long { text, times } => {
            (Opcode::Text, text.repeat(usize::from(*times)).into_bytes())
        }
        Message::Binary(bytes) | Message::Aside(bytes) => (Opcode::Binary, bytes.clone()),
        Message::Ping(bytes) => (Opcode::Ping, bytes.clone()),
        Message::Pong(bytes) => (Opcode::Pong, bytes.clone()),
    };
    if payload.len() > 1 << 17 {
        return;
    }
    let before = out.wire.len();
    if let Message::Aside(bytes) = message
        && let Some(mut job) = from.take_deflation(opcode, bytes.clone())
    {
        job.run();
        from.deflated(job, &mut Fixed, out);
    } else {
        // Every way to the same frame.
        let plain = from.plain_header(opcode, payload.len());
        let mut memory = [&[0; MAX_HEADER], payload.as_slice()].concat();
        let around = from.frame_around(opcode, &mut memory, &mut Fixed);
        if !from.send(opcode, 0, &payload, &mut Fixed, out) {
            assert!(opcode.is_control() && payload.len() > 125 && out.wire.len() == before);
            return;
        }
        let frame = &out.wire[before..];
        if let Some(header) = plain {
            assert_eq!(frame, [header.as_bytes(), &payload].concat());
        }
        if let Some(start) = around {
            assert_eq!(frame, &memory[start..]);
        }
    }
    expected.push(match opcode {
        Opcode::Text => Heard::Text(payload),
        Opcode::Ping => Heard::Ping(payload),
        Opcode::Pong => Heard::Pong(payload),
        _ => Heard::Binary(payload),
    });
}

fn carry(from: &mut Listener, to: &mut Listener, messages: &[Message], plan: &Plan) {
    let mut out = Output::default();
    let mut expected = Vec::new();
    for message in messages {
        send(&mut from.connection, message, &mut out, &mut expected);
    }
    for piece in plan.cut(&out.wire) {
        to.receive(piece);
    }
    assert_eq!(to.heard, expected);
    to.heard.clear();
}

fuzz_target!(|scenario: Scenario| {
    let Some((plan, _)) = Plan::split(&scenario.cuts) else { return };
    let (mut client, mut server) = pair(scenario.ours.as_ref(), scenario.theirs.as_ref(), &plan);
    carry(&mut client, &mut server, &scenario.from_client, &plan);
    carry(&mut server, &mut client, &scenario.from_server, &plan);

    let Some((from_client, reason)) = &scenario.goodbye else { return };
    let (from, to) = if *from_client { (client, server) } else { (server, client) };
    let (mut from, mut to) = (from, to);
    let mut out = Output::default();
    from.connection.begin_closing();
    from.connection.send_close(CloseCode(3000), reason.as_bytes(), &mut Fixed, &mut out);
    for piece in plan.cut(&out.wire) {
        to.receive(piece);
    }
    let [Heard::Closed(Some((3000, heard)))] = to.heard.as_slice() else {
        panic!("heard {:?}", to.heard);
    };
    assert!(reason.starts_with(heard.as_str()) && heard.len() <= 123);
    from.receive(&to.wire);
    assert_eq!(from.heard, [Heard::Closed(Some((3000, heard.clone())))]);
});
