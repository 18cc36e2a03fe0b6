//! However a stream is cut, it decodes as the HTML standard says.
//!
//! The input is the stream; [`CUT`] stands where it is cut and is no part of it.

#![no_main]

#[path = "../../crates/openai-api/src/sse/tests/reference.rs"]
mod reference;

use libfuzzer_sys::fuzz_target;
use openai_api::sse::{Decoder, Event, TooLong};

use crate::reference::{Outcome, Told};

fuzz_target!(|input: &[u8]| {
    let pieces: Vec<_> = input.split(|byte| *byte == CUT).collect();
    let stream = pieces.concat();
    let bytes: Vec<_> = stream.chunks(1).collect();
    for limit in [usize::MAX, 24] {
        let expected = reference::decode(&stream, limit, true);
        assert_eq!(decode(&[&stream], limit, true), expected, "in one piece");
        assert_eq!(decode(&pieces, limit, true), expected, "in pieces");
        assert_eq!(decode(&bytes, limit, true), expected, "byte by byte");
    }
    let expected = reference::decode(&stream, usize::MAX, false);
    assert_eq!(decode(&pieces, usize::MAX, false), expected, "without what it breaks off in");
});

fn decode(pieces: &[&[u8]], limit: usize, with_broken_off: bool) -> Outcome {
    let mut decoder = Decoder::with_limit(limit);
    let mut outcome = Outcome::default();
    outcome.too_long =
        take_all(&mut decoder, pieces, with_broken_off, &mut outcome.events).is_err();
    outcome.last_id = decoder.last_event_id().to_vec();
    outcome.retry = decoder.retry();
    outcome
}

fn take_all(
    decoder: &mut Decoder,
    pieces: &[&[u8]],
    with_broken_off: bool,
    events: &mut Vec<Told>,
) -> Result<(), TooLong> {
    for piece in pieces {
        let mut input = *piece;
        while let Some(event) = decoder.next(&mut input)? {
            events.push(told(event));
        }
        assert!(input.is_empty());
    }
    if with_broken_off {
        events.extend(decoder.finish()?.map(told));
    }
    Ok(())
}

fn told(event: Event<'_>) -> Told {
    Told {
        kind: event.kind.to_vec(),
        data: event.data.to_vec(),
        id: event.id.to_vec(),
        retry: event.retry,
    }
}

const CUT: u8 = b'|';
