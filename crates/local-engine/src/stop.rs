//! Texts that end an answer.

/// Cuts text off at the first stop text, though it may come in pieces.
#[derive(Debug)]
pub(crate) struct StopFilter<'a> {
    stop: &'a [String],
    held: String,
    stopped: bool,
}

impl<'a> StopFilter<'a> {
    pub(crate) fn new(stop: &'a [String]) -> Self {
        Self { stop, held: String::new(), stopped: false }
    }

    /// Takes the next piece and returns what cannot belong to a stop text any more.
    pub(crate) fn push(&mut self, piece: &str) -> String {
        if self.stopped {
            return String::new();
        }
        self.held.push_str(piece);
        if let Some(start) = first_stop(&self.held, self.stop) {
            self.stopped = true;
            self.held.truncate(start);
            return std::mem::take(&mut self.held);
        }
        let keep = self.stop.iter().map(|stop| begun(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - keep);
        std::mem::replace(&mut self.held, rest)
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stopped
    }

    /// Returns what was held back, now that no more comes.
    pub(crate) fn finish(self) -> String {
        self.held
    }
}

/// Where the stop text begins that is complete first: so it does not matter how a text is cut.
fn first_stop(text: &str, stop: &[String]) -> Option<usize> {
    let found = stop.iter().filter_map(|stop| {
        let start = text.find(stop.as_str())?;
        Some((start + stop.len(), start))
    });
    found.min().map(|(_, start)| start)
}

/// How many bytes at the end of `text` may be the beginning of `stop`.
pub(crate) fn begun(text: &str, stop: &str) -> usize {
    let most = text.len().min(stop.len().saturating_sub(1));
    (1..=most)
        .rev()
        .find(|len| stop.is_char_boundary(*len) && text.ends_with(&stop[..*len]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stop: &[&str], pieces: &[&str], expected: &str, stops: bool) {
        let stop: Vec<String> = stop.iter().map(|s| (*s).to_owned()).collect();
        let mut filter = StopFilter::new(&stop);
        let mut told: String = pieces.iter().map(|piece| filter.push(piece)).collect();
        assert_eq!(filter.stopped(), stops);
        told.push_str(&filter.finish());
        assert_eq!(told, expected);
    }

    #[test]
    fn a_stop_text_is_found_across_pieces() {
        check(&["END"], &["abc E", "N", "D more"], "abc ", true);
        check(&["\n\n"], &["a\n", "b\n", "\nc"], "a\nb", true);
        check(&["жук", "b"], &["aж", "уx", "b"], "aжуx", true);
        check(&["bжb", "ж"], &["bжb"], "b", true);
        check(&["bжb", "ж"], &["bж", "b"], "b", true);
    }

    #[test]
    fn the_beginning_of_a_stop_text_is_told_when_it_does_not_go_on() {
        check(&["END"], &["abc EN", "OUGH"], "abc ENOUGH", false);
        check(&["END"], &["abc EN"], "abc EN", false);
        check(&[], &["abc"], "abc", false);
    }

    proptest::proptest! {
        #[test]
        fn however_a_text_is_cut_it_is_told_up_to_the_first_stop(
            pieces in proptest::collection::vec("[abж]{0,3}", 0..8),
            stop in proptest::collection::vec("[abж]{1,3}", 0..3),
        ) {
            let whole = pieces.concat();
            let end = first_stop(&whole, &stop);
            let mut filter = StopFilter::new(&stop);
            let mut told: String = pieces.iter().map(|piece| filter.push(piece)).collect();
            proptest::prop_assert_eq!(filter.stopped(), end.is_some());
            told.push_str(&filter.finish());
            proptest::prop_assert_eq!(&told, &whole[..end.unwrap_or(whole.len())]);
        }
    }
}
