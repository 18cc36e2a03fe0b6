mod reference;
mod web_platform;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

use self::reference::{Outcome, Told};

/// Decodes a stream that comes in these pieces.
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
    let told = |event: Event<'_>| Told {
        kind: event.kind.to_vec(),
        data: event.data.to_vec(),
        id: event.id.to_vec(),
        retry: event.retry,
    };
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

/// Calls `check` with a stream whole, byte by byte, and in two pieces in every way.
#[track_caller]
fn in_all_pieces(stream: &[u8], check: impl Fn(&[&[u8]])) {
    check(&[stream]);
    check(&stream.chunks(1).collect::<Vec<_>>());
    for cut in 0..=stream.len() {
        let (beginning, rest) = stream.split_at(cut);
        check(&[beginning, rest]);
    }
}

#[test]
fn an_error_is_an_event_to_who_asks_for_it() {
    let stream = b"data: a\n\nerror: {\"code\":400}\n\nerror\n\nerrors: x\n\n";
    in_all_pieces(stream, |pieces| {
        let (mut strict, mut lenient) = (Vec::new(), Vec::new());
        take_all(&mut Decoder::new(), pieces, true, &mut strict).unwrap();
        take_all(&mut Decoder::new().with_errors(), pieces, true, &mut lenient).unwrap();
        assert_eq!(strict.len(), 1);
        let kinds: Vec<_> = lenient.iter().map(|event| event.kind.as_slice()).collect();
        assert_eq!(kinds, [&b""[..], b"error", b"error"]);
        assert_eq!(lenient[1].data, b"{\"code\":400}");
    });
}

/// Checks the events of a stream and of what it breaks off in, as `kind|data`.
#[track_caller]
fn check(stream: &str, expected: &[&str]) {
    in_all_pieces(stream.as_bytes(), |pieces| {
        let outcome = decode(pieces, usize::MAX, true);
        let told: Vec<_> = outcome
            .events
            .iter()
            .map(|event| {
                let [kind, data] =
                    [&event.kind, &event.data].map(|part| String::from_utf8_lossy(part));
                format!("{kind}|{data}")
            })
            .collect();
        assert_eq!(told, expected, "{stream:?} in {} pieces", pieces.len());
    });
}

#[test]
fn a_line_ends_with_lf_cr_or_both() {
    check("data: a\n\ndata: b\n\n", &["|a", "|b"]);
    check("data: a\r\n\r\ndata: b\r\n\r\n", &["|a", "|b"]);
    check("data: a\r\rdata: b\r\r", &["|a", "|b"]);
    check("data: a\r\n\ndata: b\n\r\n", &["|a", "|b"]);
    check("data: a\r\n\rdata: b\r\r\n", &["|a", "|b"]);
    check("\r\ndata: a\n\r", &["|a"]);
}

#[test]
fn lines_of_data_are_joined() {
    check("data: a\ndata: b\ndata\ndata:\n\n", &["|a\nb\n\n"]);
    check("data\n\n", &["|"]);
    check("data:\n\n", &["|"]);
    check("data: \n\n", &["|"]);
    check("data\ndata\n\n", &["|\n"]);
}

#[test]
fn one_space_is_taken_off_a_value() {
    check("data:a\ndata: b\ndata:  c\ndata:\td\n\n", &["|a\nb\n c\n\td"]);
}

#[test]
fn one_byte_order_mark_is_taken_off_a_stream() {
    check("\u{feff}data: a\n\n", &["|a"]);
    check("\u{feff}\n\ndata: a\n\n", &["|a"]);
    check("\u{feff}\u{feff}data: a\n\ndata: b\n\n", &["|b"]);
    check("data: a\n\n\u{feff}data: b\n\n", &["|a"]);
    check("data: \u{feff}\n\n", &["|\u{feff}"]);
    check("\u{feff}", &[]);
}

#[test]
fn part_of_a_byte_order_mark_belongs_to_its_line() {
    for part in [&b"\xef"[..], b"\xef\xbb"] {
        let stream = [part, b"data: a\n\ndata: b\n\n"].concat();
        in_all_pieces(&stream, |pieces| {
            let events = decode(pieces, usize::MAX, false).events;
            let data: Vec<_> = events.iter().map(|event| &*event.data).collect();
            assert_eq!(data, [b"b"], "{stream:?} in {} pieces", pieces.len());
        });
    }
}

#[test]
fn an_event_without_data_is_none_and_forgets_its_name() {
    check("event: ping\n\ndata: a\n\n", &["|a"]);
    check("event: ping\ndata: {}\n\ndata: a\n\n", &["ping|{}", "|a"]);
    check("retry: 5\nid: 7\nfoo: bar\n\n", &[]);
    check("event: a\nevent: b\ndata\nevent: c\n\n", &["c|"]);
    check("event: a\nevent\ndata\n\n", &["|"]);
    check("", &[]);
    check("\n\n\n", &[]);
}

#[test]
fn a_field_has_its_name_and_no_other() {
    check("DATA: a\n data: b\ndata : c\nda\ndata2: d\ndatadata\n: data: e\n\n", &[]);
    check("eventdata: a\nevents: b\nidx: c\nretry : 5\ndata\n\n", &["|"]);
}

#[test]
fn a_last_event_without_its_blank_line_is_told_at_the_end() {
    check("data: a\n\ndata: b", &["|a", "|b"]);
    check("data: a\n\ndata: b\n", &["|a", "|b"]);
    check("data: a\n\ndata: b\r", &["|a", "|b"]);
    check("data: a\nevent: x", &["x|a"]);
    check("data: a\n\nevent: x", &["|a"]);
    check("data", &["|"]);
    check("dat", &[]);
}

#[test]
fn half_a_line_is_neither_an_id_nor_a_time() {
    let stream = b"id: 1\nretry: 20\ndata: a\n\nid: 2\ndata: b\nretry: 30";
    in_all_pieces(stream, |pieces| {
        let outcome = decode(pieces, usize::MAX, true);
        assert_eq!(outcome.retry, Some(Duration::from_millis(20)));
        assert_eq!(outcome.events[1].id, b"2");
        assert_eq!(outcome.last_id, b"1", "the event with id 2 may be cut short");
    });
    in_all_pieces(b"data: a\nid: 23", |pieces| {
        assert_eq!(decode(pieces, usize::MAX, true).events[0].id, b"");
    });
}

#[test]
fn an_id_without_data_is_that_of_the_events_to_come() {
    in_all_pieces(b"id: 1\nid: 2\nid: 3\0\n\ndata: a\n\n", |pieces| {
        let outcome = decode(pieces, usize::MAX, false);
        assert_eq!((&*outcome.events[0].id, &*outcome.last_id), (&b"2"[..], &b"2"[..]));
    });
}

#[test]
fn a_time_too_long_to_count_is_the_longest() {
    in_all_pieces(b"retry: 99999999999999999999999\n", |pieces| {
        let retry = decode(pieces, usize::MAX, false).retry;
        assert_eq!(retry, Some(Duration::from_millis(u64::MAX)));
    });
}

#[test]
fn after_its_end_a_stream_may_follow_another() {
    let mut decoder = Decoder::new();
    let mut events = Vec::new();
    let first: &[u8] = b"\xef\xbb\xbfid: 1\ndata: a\n\nid: 2\nevent: x\ndata: b\r";
    take_all(&mut decoder, &[first], true, &mut events).unwrap();
    assert_eq!(decoder.last_event_id(), b"1");
    let second: &[u8] = b"\xef\xbb\xbf\ndata: c\n\n";
    take_all(&mut decoder, &[second], true, &mut events).unwrap();
    let [_, broken_off, next] = &events[..] else { panic!("{events:?}") };
    assert_eq!((&*broken_off.data, &*broken_off.id), (&b"b"[..], &b"2"[..]));
    assert_eq!((&*next.data, &*next.id, &*next.kind), (&b"c"[..], &b"1"[..], &b""[..]));
    assert_eq!(decoder.finish(), Ok(None));
}

#[test]
fn what_lies_whole_in_the_input_is_not_copied() {
    for stream in [
        "data: abc\n\n",
        "\u{feff}data:abc\r\n\r\n",
        ": x\nid: 7\nevent: name\nretry: 5\r\rdata: abc\revent: name\r\r",
        "\n\nevent: name\ndata: abc\n\nda",
    ] {
        let mut decoder = Decoder::new();
        let mut input = stream.as_bytes();
        let event = decoder.next(&mut input).unwrap().unwrap();
        assert_eq!(event.text(), "abc");
        assert!(matches!(event.text(), Cow::Borrowed(_)));
        let lies_in = stream.as_bytes().as_ptr_range();
        assert!(lies_in.contains(&event.data.as_ptr()), "{stream:?}");
        assert!(event.kind.is_empty() || lies_in.contains(&event.kind.as_ptr()), "{stream:?}");
    }
}

#[test]
fn events_that_lie_whole_in_the_input_need_no_memory() {
    let mut decoder = Decoder::new();
    let mut input: &[u8] = &b"event: x\ndata: abc\n\n".repeat(100);
    while decoder.next(&mut input).unwrap().is_some() {}
    assert_eq!(decoder.capacity(), 0);
}

#[test]
fn each_byte_is_searched_once_however_it_comes() {
    let event = |data: usize| [b"data: ", &*vec![b'x'; data], b"\n\n"].concat();
    let mebibyte = 1024 * 1024;
    let giant = event(8 * mebibyte);
    let large = event(mebibyte).repeat(8);
    let lines = ["data: x\n".repeat(mebibyte).as_bytes(), b"\n"].concat();
    let comment = [b":", &*giant].concat();
    for (stream, length) in [(&giant, 1024), (&large, 1024), (&lines, 1024), (&comment, 1000)] {
        let mut decoder = Decoder::new();
        let pieces: Vec<_> = stream.chunks(length).collect();
        take_all(&mut decoder, &pieces, false, &mut Vec::new()).unwrap();
        assert_eq!(decoder.searched, stream.len());
    }
}

#[test]
fn memory_is_given_back_after_a_giant_event() {
    let giant = [b"data: ", &*vec![b'x'; 1024 * 1024], b"\n\n"].concat();
    let mut decoder = Decoder::new();
    let pieces: Vec<_> = giant.chunks(1024).collect();
    take_all(&mut decoder, &pieces, false, &mut Vec::new()).unwrap();
    assert!(decoder.capacity() < 128 * 1024);
}

#[test]
fn what_is_skipped_takes_no_memory_and_has_no_limit() {
    let long = vec![b'x'; 1024];
    for line in ["", ":", "unknown: ", "datax: "] {
        let mut decoder = Decoder::with_limit(8);
        assert_eq!(decoder.next(&mut line.as_bytes()), Ok(None));
        for _ in 0..1024 {
            assert_eq!(decoder.next(&mut &*long), Ok(None));
        }
        assert!(decoder.capacity() <= 64);
        assert!(decoder.next(&mut &b"\ndata: 12345678\n\n"[..]).unwrap().is_some());
    }
}

#[test]
fn an_event_beyond_the_limit_is_refused() {
    let refused = |stream: &[u8]| {
        in_all_pieces(stream, |pieces| assert!(decode(pieces, 8, true).too_long, "{stream:?}"));
    };
    let taken = |stream: &[u8]| {
        in_all_pieces(stream, |pieces| assert!(!decode(pieces, 8, true).too_long, "{stream:?}"));
    };
    taken(b"data: 12345678\n\ndata: 12345678\n\n");
    refused(b"data: 123456789\n\n");
    taken(b"data: 123\ndata: 5678\n\n");
    refused(b"data: 1234\ndata: 6789\n\n");
    refused(b"data\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\n");
    taken(b"event: 1234\ndata: 5678\n\n");
    refused(b"event: 1234\ndata: 56789\n\n");
    refused(b"id: 12345\x006789\n");
    refused(b"retry: 123456789");
    refused(b"event: 123456789");
}

#[test]
fn a_decoder_that_refused_an_event_goes_on_after_the_end() {
    let mut decoder = Decoder::with_limit(2);
    let refusal = Err(TooLong { limit: 2 });
    assert_eq!(decoder.next(&mut &b"data: 123"[..]), refusal);
    assert_eq!(decoder.next(&mut &b"\n\ndata: 1\n\n"[..]), refusal);
    assert_eq!(decoder.finish(), refusal);
    assert!(decoder.next(&mut &b"data: 1\n\n"[..]).unwrap().is_some());
}

#[test]
fn what_is_not_utf_8_is_replaced_in_text() {
    let mut decoder = Decoder::new();
    let event = decoder.next(&mut &b"data: a\xffb\xe2\x80\n\n"[..]).unwrap().unwrap();
    assert_eq!(event.text(), "a\u{fffd}b\u{fffd}");
}

#[test]
fn debug_shows_nothing_of_what_is_said() {
    let mut decoder = Decoder::new();
    let event = decoder.next(&mut &b"event: secret\nid: secret\ndata: secret\n\n"[..]).unwrap();
    let shown = format!("{event:?}");
    assert!(!shown.contains("secret"), "{shown}");
    decoder.next(&mut &b"data: secret"[..]).unwrap();
    let shown = format!("{decoder:?}");
    assert!(!shown.contains("secret") && !shown.contains("115, 101"), "{shown}");
}

/// Bytes that matter to a decoder, in any order.
fn arbitrary_bytes() -> impl Strategy<Value = Vec<u8>> {
    let any =
        prop_oneof![prop::sample::select(b"\r\n: \xef\xbb\xbf\0dateivnrty5".to_vec()), any::<u8>()];
    vec(any, 0..60)
}

/// Lines as a server sends them, or nearly so.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let line = "(data: ?|data|event: ?|id: ?|retry: ?|: |idx|\u{feff}|)([a-zя😀\0: ]{0,6}|[0-9]{0,3})(\r\n|\r|\n|\n\n|\r\r|\r\n\r\n|)";
    vec(line, 0..14).prop_map(|lines| lines.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_split_of_a_stream_decodes_as_the_standard_says(
        stream in prop_oneof![arbitrary_bytes(), lines()],
        cuts in vec(any::<prop::sample::Index>(), 0..12),
        limit in prop_oneof![Just(usize::MAX), 0..24_usize],
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();
        let expected = reference::decode(&stream, limit, true);
        prop_assert_eq!(&decode(&pieces, limit, true), &expected);
        prop_assert_eq!(&decode(&[&stream], limit, true), &expected);
        prop_assert_eq!(
            decode(&pieces, usize::MAX, false),
            reference::decode(&stream, usize::MAX, false)
        );
    }
}
