//! From logits to text: choosing tokens, and knowing when to stop.

use std::ops::ControlFlow;

use openai_api::{ApiError, FinishReason, Usage};

use crate::error::Result;
use crate::model::LoadedModel;
use crate::network::Cache;
use crate::tokenizer::Incremental;

/// How to choose, and when to stop.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sampling {
    /// 0 takes the likeliest token each time.
    pub(crate) temperature: f32,
    /// The share of likelihood that is chosen from.
    pub(crate) top_p: f32,
    pub(crate) seed: Option<u64>,
    /// At most so many tokens.
    pub(crate) limit: Option<usize>,
    /// Texts that end the answer and are not part of it.
    pub(crate) stop: Vec<String>,
}

/// How an answer ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ending {
    pub(crate) reason: FinishReason,
    pub(crate) usage: Usage,
}

/// Refuses a prompt that leaves no room for an answer.
pub(crate) fn check_fits(model: &LoadedModel, prompt: &[u32]) -> Result<()> {
    if prompt.len() >= model.window() {
        return Err(ApiError::context_length_exceeded(model.window(), prompt.len()).into());
    }
    Ok(())
}

/// Continues a prompt that fits, and hands what each token adds to `tell`, which may break off.
///
/// A piece may be empty. Returns `None` if it was broken off.
pub(crate) fn generate(
    model: &LoadedModel,
    prompt: &[u32],
    sampling: &Sampling,
    mut tell: impl FnMut(String) -> ControlFlow<()>,
) -> Result<Option<Ending>> {
    check_fits(model, prompt)?;
    let room = model.window() - prompt.len();
    let limit = sampling.limit.map_or(room, |limit| limit.min(room));
    let mut chooser = Chooser::new(sampling);
    let mut cache = Cache::new(model.network.config());
    let mut text = Incremental::new(&model.codec);
    let mut filter = StopFilter::new(&sampling.stop);
    let mut logits = model.network.advance(prompt, &mut cache);
    let mut count = 0;
    let reason = loop {
        let token = chooser.choose(&logits);
        if model.habits.end.contains(&token) {
            break FinishReason::Stop;
        }
        count += 1;
        let piece = filter.push(&text.push(token)?);
        if tell(piece).is_break() {
            return Ok(None);
        }
        if filter.stopped() {
            break FinishReason::Stop;
        }
        if count >= limit {
            break FinishReason::Length;
        }
        logits = model.network.advance(&[token], &mut cache);
    };
    let mut rest = filter.push(&text.finish()?);
    let reason = if filter.stopped() { FinishReason::Stop } else { reason };
    rest.push_str(&filter.finish());
    if tell(rest).is_break() {
        return Ok(None);
    }
    Ok(Some(Ending { reason, usage: Usage::new(prompt.len() as u64, count as u64) }))
}

/// Picks one token after another.
#[derive(Debug)]
struct Chooser {
    temperature: f64,
    top_p: f64,
    rng: fastrand::Rng,
}

impl Chooser {
    fn new(sampling: &Sampling) -> Self {
        Self {
            temperature: f64::from(sampling.temperature),
            top_p: f64::from(sampling.top_p),
            rng: sampling.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed),
        }
    }

    fn choose(&mut self, logits: &[f32]) -> u32 {
        let (best, most) =
            logits.iter().enumerate().fold((0, f32::NEG_INFINITY), |best, (i, x)| {
                if *x > best.1 { (i, *x) } else { best }
            });
        if self.temperature <= 0.0 || self.top_p <= 0.0 {
            return best as u32;
        }
        let weight = |x: &f32| ((f64::from(*x) - f64::from(most)) / self.temperature).exp();
        let mut candidates: Vec<(usize, f64)> = logits.iter().map(weight).enumerate().collect();
        candidates.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let total: f64 = candidates.iter().map(|(_, weight)| weight).sum();
        let mut kept = 0.0;
        let mut last = 0;
        while last < candidates.len() && kept < self.top_p * total {
            kept += candidates[last].1;
            last += 1;
        }
        let mut point = self.rng.f64() * kept;
        for (token, weight) in &candidates[..last] {
            point -= weight;
            if point < 0.0 {
                return *token as u32;
            }
        }
        best as u32
    }
}

/// Cuts text off at the first stop text, though it may come in pieces.
#[derive(Debug)]
struct StopFilter<'a> {
    stop: &'a [String],
    held: String,
    stopped: bool,
}

impl<'a> StopFilter<'a> {
    fn new(stop: &'a [String]) -> Self {
        Self { stop, held: String::new(), stopped: false }
    }

    /// Takes the next piece and returns what cannot belong to a stop text any more.
    fn push(&mut self, piece: &str) -> String {
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

    fn stopped(&self) -> bool {
        self.stopped
    }

    /// Returns what was held back, now that no more comes.
    fn finish(self) -> String {
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
fn begun(text: &str, stop: &str) -> usize {
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

    fn choose(temperature: f32, top_p: f32, seed: u64) -> Vec<u32> {
        let sampling =
            Sampling { temperature, top_p, seed: Some(seed), limit: None, stop: Vec::new() };
        let mut chooser = Chooser::new(&sampling);
        (0..200).map(|_| chooser.choose(&[0.0, 2.0, 1.0, 2.0])).collect()
    }

    #[test]
    fn without_temperature_the_first_of_the_likeliest_is_chosen() {
        assert!(choose(0.0, 1.0, 1).iter().all(|token| *token == 1));
    }

    #[test]
    fn a_seed_repeats_and_another_differs() {
        assert_eq!(choose(1.0, 1.0, 1), choose(1.0, 1.0, 1));
        assert_ne!(choose(1.0, 1.0, 1), choose(1.0, 1.0, 2));
    }

    #[test]
    fn top_p_keeps_the_likeliest_only() {
        let chosen = choose(1.0, 0.5, 1);
        assert!(chosen.iter().all(|token| [1, 3].contains(token)));
        assert!(chosen.contains(&1) && chosen.contains(&3));
        assert!(choose(1.0, 1.0, 1).contains(&0));
    }
}
