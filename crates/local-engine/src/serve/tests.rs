use std::cell::Cell;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use crate::model::LoadedModel;
use crate::models::BASE_FILES;
use crate::network::adapter_tests::noise_adapter;
use crate::network::{Cache, PAGE};
use crate::serve::table::{Guest, State};
use crate::serve::{Keep, Sequence, Table};

fn base() -> Arc<LoadedModel> {
    Arc::new(LoadedModel::load(&BASE_FILES).unwrap())
}

/// The model, and two adapters on it.
fn three() -> [Arc<LoadedModel>; 3] {
    let base = base();
    let [first, second] = [false, true]
        .map(|lengths| Arc::new(base.tuned(noise_adapter(base.network.config(), lengths))));
    [base, first, second]
}

fn text(seed: u64, count: usize) -> Vec<u32> {
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..count).map(|_| rng.u32(0..2048)).collect()
}

fn best(logits: &[f32]) -> u32 {
    let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    u32::try_from(best.unwrap().0).unwrap()
}

const ALWAYS: &dyn Fn() -> bool = &|| true;

/// The logits after a prompt, and after each of the likeliest tokens that come then.
fn answer(model: &Arc<LoadedModel>, keep: &Keep, prompt: Vec<u32>, count: usize) -> Vec<Vec<f32>> {
    let (mut sequence, mut logits, _) = Sequence::read(model, keep, prompt, ALWAYS).unwrap();
    let mut all = Vec::new();
    for _ in 0..count {
        let next = sequence.advance(&[best(&logits)], ALWAYS).unwrap();
        all.push(std::mem::replace(&mut logits, next));
    }
    all.push(logits);
    all
}

/// Lengths of prompts, some of them with a few tokens at the end that begin a page.
const LENGTHS: [usize; 8] = [1, 8, 30, 64, 67, 130, 200, 300];

#[test]
fn eight_at_once_on_three_models_answer_as_each_does_alone() {
    let models = three();
    let model = |nth: usize| &models[nth % 3];
    let prompt = |nth: usize| text(nth as u64, LENGTHS[nth]);
    let alone: Vec<_> =
        (0..8).map(|nth| answer(model(nth), &Keep::new(0), prompt(nth), 12)).collect();
    let (keep, together) = (Keep::new(u64::MAX), Barrier::new(8));
    let found: Vec<_> = std::thread::scope(|scope| {
        let one = |nth: usize| {
            let (keep, together) = (&keep, &together);
            scope.spawn(move || {
                together.wait();
                answer(model(nth), keep, prompt(nth), 12)
            })
        };
        let threads: Vec<_> = (0..8).map(one).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (nth, (alone, found)) in alone.iter().zip(&found).enumerate() {
        assert!(alone == found, "the prompt of {} tokens", LENGTHS[nth]);
    }
}

/// The number of a sequence, and how many of its tokens were taken in.
type Count = (u64, usize);

/// Sequences that are taken through steps by hand.
#[derive(Default)]
struct Hand(State);

impl Hand {
    fn enter(&mut self, model: &Arc<LoadedModel>, cache: Option<Cache>, tokens: Vec<u32>) -> u64 {
        let empty = || Cache::new(model.network.config());
        self.0.enter(Guest::new(Arc::clone(model), cache.unwrap_or_else(empty), tokens))
    }

    /// Takes a step: tells how many tokens were taken of each, and who has all of them.
    fn step(&mut self) -> (Vec<Count>, Vec<(u64, Guest)>) {
        let mut step = self.0.begin();
        let taken = step.guests.iter().map(|(number, _, count)| (*number, *count)).collect();
        step.run();
        self.0.end(step);
        let served = self.0.served.drain().map(|(number, guest)| (number, guest.unwrap()));
        (taken, served.collect())
    }
}

#[test]
fn one_step_is_for_all_and_each_gets_what_it_would_alone() {
    let models = three();
    let alone: Vec<_> =
        (0..3).map(|nth| answer(&models[nth], &Keep::new(0), text(nth as u64, 40), 5)).collect();
    let mut hand = Hand::default();
    for (nth, model) in models.iter().enumerate() {
        hand.enter(model, None, text(nth as u64, 40));
    }
    for round in 0..=5 {
        let (taken, mut served) = hand.step();
        let count = if round == 0 { 40 } else { 1 };
        let expected: Vec<_> = (0..3).map(|nth| (3 * round + nth, count)).collect();
        assert_eq!(taken, expected);
        served.sort_by_key(|(number, _)| *number);
        for ((model, alone), (_, guest)) in models.iter().zip(&alone).zip(served) {
            assert!(alone[usize::try_from(round).unwrap()] == guest.logits);
            let next = vec![best(&guest.logits)];
            hand.enter(model, Some(guest.cache), next);
        }
    }
}

#[test]
fn a_long_prompt_holds_no_answer_up() {
    let (model, mut hand) = (base(), Hand::default());
    hand.enter(&model, None, text(1, 20));
    let (_, served) = hand.step();
    let mut answer = served;
    let prompt = hand.enter(&model, None, text(2, 500));
    let (mut steps, mut read) = (0, 0);
    while read < 500 {
        let (_, Guest { cache, logits, .. }) = answer.remove(0);
        let number = hand.enter(&model, Some(cache), vec![best(&logits)]);
        let (taken, mut served) = hand.step();
        let (_, piece) = taken.iter().find(|(number, _)| *number == prompt).unwrap();
        assert!((1..=2 * PAGE).contains(piece));
        (steps, read) = (steps + 1, read + piece);
        // With each step the answer has its next token.
        answer.extend(served.extract_if(.., |(other, _)| *other == number));
        assert_eq!(answer.len(), 1);
        assert_eq!(served.len(), usize::from(read == 500));
    }
    assert_eq!(steps, 4);
}

#[test]
fn the_next_turn_begins_where_the_last_ended() {
    let [base, adapter, _] = three();
    let keep = Keep::new(u64::MAX);
    let prompt = text(1, 3 * PAGE + 5);
    let read = |model: &Arc<LoadedModel>, keep: &Keep, tokens: &[u32]| {
        let (_, logits, cached) = Sequence::read(model, keep, tokens.to_vec(), ALWAYS).unwrap();
        (logits, cached)
    };
    let (logits, cached) = read(&base, &keep, &prompt);
    assert_eq!(cached, 0);
    assert_eq!(read(&base, &keep, &prompt), (logits, 3 * PAGE));
    // The last token is read anew in any case, and so is its page.
    let whole = &prompt[..3 * PAGE];
    let (logits, cached) = read(&base, &keep, whole);
    assert_eq!((logits, cached), (read(&base, &Keep::new(0), whole).0, 2 * PAGE));
    assert_eq!(read(&adapter, &keep, &prompt).1, 0);
    assert_eq!(read(&adapter, &keep, &prompt).1, 3 * PAGE);

    let mut turn = prompt.clone();
    let (mut sequence, mut logits, _) = Sequence::read(&base, &keep, prompt, ALWAYS).unwrap();
    for _ in 0..PAGE {
        turn.push(best(&logits));
        logits = sequence.advance(&turn[turn.len() - 1..], ALWAYS).unwrap();
    }
    assert_eq!(sequence.tokens(), turn);
    drop(sequence);
    turn.extend(text(2, 20));
    let (logits, cached) = read(&base, &keep, &turn);
    assert_eq!(cached, 4 * PAGE);
    // Tokens of the answer were computed one by one, which makes other last bits.
    let (anew, _) = read(&base, &Keep::new(0), &turn);
    for (logit, anew) in logits.iter().zip(&anew) {
        assert!((logit - anew).abs() < 1e-3, "{logit} and {anew}");
    }
}

#[test]
fn copies_share_what_was_read_and_go_ways_of_their_own() {
    let (model, keep) = (base(), Keep::new(0));
    let (sequence, _, _) = Sequence::read(&model, &keep, text(1, 100), ALWAYS).unwrap();
    let two = keep.pool().bytes();
    let mut copies = [sequence.clone(), sequence.clone()];
    assert_eq!(keep.pool().bytes(), two);
    drop(sequence);
    let [first, second] = &mut copies;
    first.advance(&[7], ALWAYS).unwrap();
    assert_eq!(keep.pool().bytes(), two / 2 * 3);
    let expected = answer(&model, &Keep::new(0), [text(1, 100), vec![9]].concat(), 0);
    let found = second.advance(&[9], ALWAYS).unwrap();
    for (a, b) in found.iter().zip(&expected[0]) {
        assert!((a - b).abs() < 1e-3, "{a} and {b}");
    }
}

#[test]
fn what_nobody_wants_leaves_and_frees_its_pages() {
    let (model, keep) = (base(), Keep::new(0));
    // Asked before the first step, and after it.
    let asked = Cell::new(0);
    let twice = || asked.replace(asked.get() + 1) < 1;
    assert!(Sequence::read(&model, &keep, text(1, 2000), &twice).is_none());
    assert_eq!((asked.get(), keep.pool().bytes()), (2, 0));
    let (sequence, _, _) = Sequence::read(&model, &keep, text(1, 100), ALWAYS).unwrap();
    assert!(keep.pool().bytes() > 0);
    drop(sequence);
    assert_eq!(keep.pool().bytes(), 0);
    // Nobody waits for those that left.
    let mut state = State::default();
    assert!(state.begin().guests.is_empty());
    assert!(!answer(&model, &keep, text(2, 10), 3).is_empty());
}

#[test]
fn others_are_waited_for_while_it_is_worth_it() {
    let mut state = State::default();
    state.last = Some((Instant::now(), Duration::MAX));
    assert_eq!(state.patience(), None);
    state.away = 1;
    assert!(state.patience().unwrap() > Duration::from_secs(3600));
    state.last = Some((Instant::now(), Duration::ZERO));
    assert_eq!(state.patience(), None);
    state.last = None;
    assert_eq!(state.patience(), None);
}

#[test]
fn a_step_that_breaks_down_is_told_to_all_in_it() {
    let (model, table) = (base(), Arc::new(Table::default()));
    let guest = |tokens| Guest::new(Arc::clone(&model), Cache::new(model.network.config()), tokens);
    // No table has such a token; whoever takes the step breaks down with it.
    let number = table.lock().enter(guest(vec![u32::MAX]));
    let other = {
        let (table, guest) = (Arc::clone(&table), guest(vec![1, 2, 3]));
        std::thread::spawn(move || table.seat().advance(guest, ALWAYS).is_some())
    };
    assert!(other.join().is_err());
    let mut state = table.lock();
    assert!(state.served.remove(&number).unwrap().is_none());
    drop(state);
    assert!(table.seat().advance(guest(vec![1, 2, 3]), ALWAYS).is_some());
}
