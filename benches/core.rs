//! What the parts of the protocol core cost, with bytes per second: `cargo bench
//! --no-default-features`. `memcpy` is the yardstick for masking.

use std::{hint::black_box, time::Duration};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use faye_websocket_rs::proto::{
    Output, Status,
    hybi::{
        PeerMasking, Receiver, ReceiverOptions,
        frame::{Header, MAX_HEADER, Opcode},
        mask, send,
        utf8::Utf8Stream,
    },
};

const KIB: usize = 1024;
const SIZES: [(&str, usize); 4] =
    [("64 B", 64), ("1 KiB", KIB), ("64 KiB", 64 * KIB), ("1 MiB", KIB * KIB)];
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(900))
        .sample_size(40)
        .configure_from_args();
    headers(&mut criterion);
    receive(&mut criterion);
    unmask(&mut criterion);
    utf8(&mut criterion);
    encode(&mut criterion);
    criterion.final_summary();
}

fn bytes(length: usize) -> Throughput {
    Throughput::Bytes(length as u64)
}

/// A chunk as a socket hands it over: whole masked frames, at most 64 KiB unless one is longer.
/// The key may be zero, so that text is still text when the next iteration unmasks it again.
fn chunk(opcode: Opcode, payload: &[u8], key: [u8; 4]) -> (Vec<u8>, usize) {
    let mut frame = Vec::new();
    send::frame(opcode, 0, payload, Some(key), &mut frame);
    let count = (64 * KIB / frame.len()).max(1);
    (frame.repeat(count), count)
}

fn read_all(receiver: &mut Receiver, chunk: &mut [u8], out: &mut Output) {
    let mut consumed = 0;
    loop {
        out.clear_events();
        let progress = receiver.receive(chunk, consumed, out);
        consumed = progress.consumed;
        black_box(&out.events);
        match progress.status {
            Status::Full => {}
            Status::NeedMore => return,
            status => unreachable!("the chunk is well-formed, yet {status:?}"),
        }
    }
}

fn receiver() -> Receiver {
    Receiver::new(ReceiverOptions {
        masking: PeerMasking::Required,
        max_length: 1 << 26,
        max_events: 1024,
        max_text: u64::MAX,
        least_landing: u64::MAX,
    })
}

/// Frames without payload: nothing but headers and their events. Per frame, not per byte.
fn headers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("header");
    let (mut chunk, count) = chunk(Opcode::Binary, b"", KEY);
    let mut receiver = receiver();
    let mut out = Output::default();
    group.throughput(Throughput::Elements(count as u64));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| read_all(&mut receiver, black_box(&mut chunk), &mut out));
    });
    group.throughput(Throughput::Elements(1));
    for (name, length) in SIZES {
        let header = Header { opcode: Opcode::Text, fin: true, rsv: 0, length, key: None };
        group.bench_function(BenchmarkId::new("encode", name), |bencher| {
            let mut bytes = [0; MAX_HEADER];
            bencher.iter(|| black_box(&header).encode(black_box(&mut bytes)).len());
        });
    }
    group.finish();
}

/// Everything between the socket's chunk and the events: headers, unmasking, UTF-8.
fn receive(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("receive");
    for (name, length) in SIZES {
        for (kind, opcode, key) in [("text", Opcode::Text, [0; 4]), ("binary", Opcode::Binary, KEY)]
        {
            let (mut chunk, _) = chunk(opcode, &vec![b'x'; length], key);
            let mut receiver = receiver();
            let mut out = Output::default();
            group.throughput(bytes(chunk.len()));
            group.bench_function(BenchmarkId::new(kind, name), |bencher| {
                bencher.iter(|| read_all(&mut receiver, black_box(&mut chunk), &mut out));
            });
        }
    }
    group.finish();
}

fn unmask(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("unmask");
    for (name, length) in SIZES {
        let source = vec![0xa5; length];
        let mut target = source.clone();
        group.throughput(bytes(length));
        group.bench_function(BenchmarkId::new("apply", name), |bencher| {
            bencher.iter(|| mask::apply(black_box(&mut target), KEY, 0));
        });
        group.bench_function(BenchmarkId::new("memcpy", name), |bencher| {
            bencher.iter(|| black_box(&mut target).copy_from_slice(black_box(&source)));
        });
    }
    group.finish();
}

fn utf8(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("utf8");
    let texts =
        [("ascii", "plain text, "), ("latin", "où ça, naïve ! "), ("cjk", "日本語の文章、")];
    for (name, length) in SIZES {
        for (kind, piece) in texts {
            let text = piece.repeat(length.div_ceil(piece.len()));
            group.throughput(bytes(text.len()));
            group.bench_function(BenchmarkId::new(kind, name), |bencher| {
                bencher.iter(|| {
                    let mut stream = Utf8Stream::default();
                    let pushed = stream.push(black_box(text.as_bytes()));
                    (pushed, stream.finish())
                });
            });
        }
    }
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for (name, length) in SIZES {
        let payload = vec![b'x'; length];
        group.throughput(bytes(length));
        for (role, key) in [("server", None), ("client", Some(KEY))] {
            let mut wire = Vec::with_capacity(MAX_HEADER + length);
            group.bench_function(BenchmarkId::new(role, name), |bencher| {
                bencher.iter(|| {
                    wire.clear();
                    send::frame(Opcode::Binary, 0, black_box(&payload), key, &mut wire);
                    black_box(&wire);
                });
            });
        }
        group.bench_function(BenchmarkId::new("server, new buffer", name), |bencher| {
            bencher.iter_batched(
                Vec::new,
                |mut wire| {
                    send::frame(Opcode::Binary, 0, black_box(&payload), None, &mut wire);
                    wire
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}
