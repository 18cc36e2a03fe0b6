//! Finding calls in an answer while it comes.

use crate::stop::begun;
use crate::tools::object::{Ending, Head};
use crate::tools::{Dialect, Offer};

/// Tells the calls in an answer from its text, though it comes in pieces.
///
/// What only looks like a call stays text: an object without the name of a tool on offer, or one
/// that never gets as far as its arguments. Space around calls belongs to neither.
#[derive(Debug)]
pub(crate) struct CallFilter<'a> {
    dialect: &'a Dialect,
    offer: &'a Offer,
    state: State,
    /// What is not told yet.
    held: String,
    /// Whether there was a call.
    called: bool,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// More of its text.
    Text(String),
    /// A call of the tool of this name begins.
    Call(String),
    /// More of the call's arguments, which are JSON if the model got it right.
    Arguments(String),
    /// The call is complete.
    Called,
}

#[derive(Debug)]
enum State {
    /// Nothing but space has come yet.
    Start,
    /// Text, in which calls may begin.
    Text,
    /// Text in which none can any more.
    TextOnly,
    /// A call has begun, so many bytes of `held` ago, and its name is not known.
    Head {
        skipped: usize,
    },
    Arguments(Ending),
    /// What comes after the arguments in the object.
    Tail(Ending),
    /// What comes after the object.
    After,
}

impl<'a> CallFilter<'a> {
    pub(crate) fn new(dialect: &'a Dialect, offer: &'a Offer) -> Self {
        Self { dialect, offer, state: State::Start, held: String::new(), called: false }
    }

    /// Takes the next piece, and tells what is certain.
    pub(crate) fn push(&mut self, piece: &str) -> Vec<Event> {
        self.held.push_str(piece);
        let mut events = Vec::new();
        while self.step(&mut events) {}
        events
    }

    /// Tells what was held back, now that no more comes.
    pub(crate) fn finish(mut self) -> Vec<Event> {
        match self.state {
            State::Start | State::Text if self.called => {
                self.held.truncate(self.held.trim_end().len());
            }
            // A call that is cut off has no end.
            State::Arguments(_) | State::Tail(_) => self.held.clear(),
            State::After if self.dialect.close().starts_with(self.held.trim()) => self.held.clear(),
            _ => {}
        }
        Vec::from_iter((!self.held.is_empty()).then_some(Event::Text(self.held)))
    }

    /// Goes on with what is held; says whether there is more to do.
    fn step(&mut self, events: &mut Vec<Event>) -> bool {
        match &mut self.state {
            State::TextOnly => {
                self.tell(self.held.len(), events);
                false
            }
            State::Start if self.dialect.open().is_empty() => {
                match self.held.trim_start().chars().next() {
                    None => return false,
                    Some('{' | '[') => self.state = State::Head { skipped: 0 },
                    Some(_) => self.state = State::TextOnly,
                }
                true
            }
            State::Start => {
                self.state = State::Text;
                true
            }
            State::Text => {
                let open = self.dialect.open();
                if let Some(place) = self.held.find(open) {
                    self.tell(self.held[..place].trim_end().len(), events);
                    let skipped = self.held.len() - self.held.trim_start().len() + open.len();
                    self.state = State::Head { skipped };
                    return true;
                }
                let certain = self.held.len() - begun(&self.held, open);
                self.tell(self.held[..certain].trim_end().len(), events);
                false
            }
            State::Head { skipped } => {
                let skipped = *skipped;
                self.read_head(skipped, events)
            }
            State::Arguments(ending) => {
                let end = ending.find(&self.held);
                let rest = self.held.split_off(end.unwrap_or(self.held.len()));
                let arguments = std::mem::replace(&mut self.held, rest);
                if !arguments.is_empty() {
                    events.push(Event::Arguments(arguments));
                }
                if end.is_some() {
                    self.state = State::Tail(Ending::inside());
                }
                end.is_some()
            }
            State::Tail(ending) => {
                let end = ending.find(&self.held);
                self.held.drain(..end.unwrap_or(self.held.len()));
                if end.is_some() {
                    events.push(Event::Called);
                    self.state = State::After;
                }
                end.is_some()
            }
            State::After => self.leave(),
        }
    }

    /// Reads the beginning of a call, which `held` begins with but for what is skipped.
    fn read_head(&mut self, skipped: usize, events: &mut Vec<Event>) -> bool {
        let mut object = self.held[skipped..].trim_start();
        // Some models write one object where their template writes a list.
        object = object.strip_prefix('[').map_or(object, str::trim_start);
        if object.is_empty() {
            return false;
        }
        let start = self.held.len() - object.len();
        let is_tool = |name: &str| self.offer.functions().any(|(tool, _)| tool == name);
        let head = match object.starts_with('{') {
            true => Head::read(object, self.dialect, is_tool),
            false => Head::Other,
        };
        match head {
            Head::Open => false,
            Head::Other => {
                // The mark is text, and what follows it may hold another.
                self.tell(skipped, events);
                let may_come = !self.dialect.open().is_empty();
                self.state = if may_come { State::Text } else { State::TextOnly };
                true
            }
            Head::Begun { name, at } => {
                self.held.drain(..start + at);
                self.called = true;
                events.push(Event::Call(name));
                self.state = State::Arguments(Ending::default());
                true
            }
            Head::Whole { name, arguments, end } => {
                self.held.drain(..start + end);
                self.called = true;
                events.extend([Event::Call(name), Event::Arguments(arguments), Event::Called]);
                self.state = State::After;
                true
            }
        }
    }

    /// Drops what ends a call, and finds out whether another follows.
    fn leave(&mut self) -> bool {
        let close = self.dialect.close();
        let rest = self.held.trim_start();
        if rest.is_empty() {
            return false;
        }
        let may_end = !close.is_empty() && close.starts_with(rest);
        if may_end && rest.len() < close.len() {
            return false;
        }
        let (skipped, state) = if !close.is_empty() && rest.starts_with(close) {
            (close.len(), State::Text)
        } else if rest.starts_with(']') {
            // The end of the list, which the closing mark may follow.
            (1, State::After)
        } else if rest.starts_with([',', ';']) {
            (1, State::After)
        } else if rest.starts_with('{')
            && (self.dialect.is_list() || self.dialect.open().is_empty())
        {
            (0, State::Head { skipped: 0 })
        } else if self.dialect.open().is_empty() {
            (0, State::TextOnly)
        } else {
            (0, State::Text)
        };
        let space = self.held.len() - rest.len();
        match state {
            State::Text if skipped == 0 => {}
            State::TextOnly => {}
            _ => drop(self.held.drain(..space + skipped)),
        }
        self.state = state;
        true
    }

    /// Tells so many bytes of what is held as text.
    fn tell(&mut self, length: usize, events: &mut Vec<Event>) {
        if length > 0 {
            let rest = self.held.split_off(length);
            events.push(Event::Text(std::mem::replace(&mut self.held, rest)));
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;
    use crate::tools::Which;

    fn hermes() -> Dialect {
        dialect("<tool_call>\n", "\n</tool_call>", "arguments")
    }

    fn mistral() -> Dialect {
        dialect("[TOOL_CALLS] [", "]", "arguments")
    }

    fn llama() -> Dialect {
        dialect("", "", "parameters")
    }

    fn dialect(before: &str, after: &str, arguments: &str) -> Dialect {
        Dialect {
            before: before.to_owned(),
            after: after.to_owned(),
            name: "name".to_owned(),
            arguments: arguments.to_owned(),
        }
    }

    /// What an answer says, with the pieces of a thing put together.
    fn said(dialect: &Dialect, pieces: &[&str]) -> Vec<Event> {
        let tool = |name| json!({"type": "function", "function": {"name": name}});
        let offer = Offer { tools: vec![tool("f"), tool("g")], which: Which::Free, parallel: true };
        let mut filter = CallFilter::new(dialect, &offer);
        let mut events: Vec<Event> = pieces.iter().flat_map(|piece| filter.push(piece)).collect();
        events.extend(filter.finish());
        let mut whole: Vec<Event> = Vec::new();
        for event in events {
            match (whole.last_mut(), event) {
                (Some(Event::Text(told)), Event::Text(more))
                | (Some(Event::Arguments(told)), Event::Arguments(more)) => told.push_str(&more),
                (_, event) => whole.push(event),
            }
        }
        whole
    }

    #[track_caller]
    fn check(dialect: &Dialect, answer: &str, expected: Expect) {
        let whole = said(dialect, &[answer]);
        let shown = whole.iter().map(|event| match event {
            Event::Text(text) => format!("text {text:?}\n"),
            Event::Call(name) => format!("call {name}\n"),
            Event::Arguments(text) => format!("with {text}\n"),
            Event::Called => "done\n".to_owned(),
        });
        expected.assert_eq(&shown.collect::<String>());
        for cut in (0..answer.len()).filter(|cut| answer.is_char_boundary(*cut)) {
            assert_eq!(said(dialect, &[&answer[..cut], &answer[cut..]]), whole, "{cut}");
        }
        let letters: Vec<String> = answer.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(said(dialect, &letters), whole);
    }

    #[test]
    fn calls_between_marks_are_found_and_the_text_before_them_is_kept() {
        check(
            &hermes(),
            "Жду. \n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"}\"}}\n</tool_call>\n\
             <tool_call>\n{\"name\": \"g\", \"arguments\": {}}\n</tool_call>\n",
            expect![[r#"
                text "Жду."
                call f
                with {"a": "}"}
                done
                call g
                with {}
                done
            "#]],
        );
        check(
            &hermes(),
            "<tool_call>{\"arguments\": \"{}\", \"name\": \"f\"}</tool_call> So be it. ",
            expect![[r#"
                call f
                with {}
                done
                text " So be it."
            "#]],
        );
    }

    #[test]
    fn the_calls_of_a_list_are_told_one_by_one() {
        check(
            &mistral(),
            r#"[TOOL_CALLS] [{"name": "f", "arguments": {"a": [1]}, "id": "x"}, {"name": "g", "arguments": {}}]"#,
            expect![[r#"
                call f
                with {"a": [1]}
                done
                call g
                with {}
                done
            "#]],
        );
        check(
            &mistral(),
            r#"[TOOL_CALLS]{"name": "f", "arguments": {}}"#,
            expect![[r#"
            call f
            with {}
            done
        "#]],
        );
    }

    #[test]
    fn a_call_without_marks_is_the_whole_answer() {
        check(
            &llama(),
            r#" {"name": "f", "parameters": {"a": 1}}"#,
            expect![[r#"
            call f
            with {"a": 1}
            done
        "#]],
        );
        check(
            &llama(),
            r#"{"name": "f", "parameters": {}}; {"name": "g", "arguments": {}} and more"#,
            expect![[r#"
                call f
                with {}
                done
                call g
                with {}
                done
                text " and more"
            "#]],
        );
        check(
            &llama(),
            r#"So: {"name": "f", "parameters": {}}"#,
            expect![[r#"
            text "So: {\"name\": \"f\", \"parameters\": {}}"
        "#]],
        );
    }

    #[test]
    fn what_is_no_call_stays_text() {
        check(
            &llama(),
            r#"{"name": "Ann", "age": 7}"#,
            expect![[r#"
            text "{\"name\": \"Ann\", \"age\": 7}"
        "#]],
        );
        check(
            &llama(),
            "[1, 2] ",
            expect![[r#"
            text "[1, 2] "
        "#]],
        );
        check(
            &hermes(),
            "a <tool_call> b <tool_call>{\"name\": \"h\"}</tool_call> c",
            expect![[r#"
            text "a <tool_call> b <tool_call>{\"name\": \"h\"}</tool_call> c"
        "#]],
        );
        check(
            &hermes(),
            "a < b <tool",
            expect![[r#"
            text "a < b <tool"
        "#]],
        );
        check(
            &hermes(),
            " \n",
            expect![[r#"
            text " \n"
        "#]],
        );
    }

    #[test]
    fn a_call_that_is_cut_off_tells_what_there_is_of_it() {
        check(
            &hermes(),
            "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": ",
            expect![[r#"
            call f
            with {"a": 
        "#]],
        );
        check(
            &hermes(),
            "<tool_call>{\"name\": \"f\", \"arg",
            expect![[r#"
            text "<tool_call>{\"name\": \"f\", \"arg"
        "#]],
        );
    }

    proptest::proptest! {
        #[test]
        fn however_an_answer_is_cut_it_says_the_same(
            pieces in proptest::collection::vec(
                r#"(<tool_call>|</tool_call>|\{"name": "f", |"arguments": \{|\}|[\]\[ ж,]|\[TOOL_CALLS\])"#,
                0..8,
            ),
            cut in 0..200_usize,
        ) {
            let text = pieces.concat();
            let mut cut = cut.min(text.len());
            while !text.is_char_boundary(cut) {
                cut -= 1;
            }
            for dialect in [hermes(), mistral(), llama()] {
                let whole = said(&dialect, &[&text]);
                proptest::prop_assert_eq!(&said(&dialect, &[&text[..cut], &text[cut..]]), &whole);
            }
        }
    }
}
