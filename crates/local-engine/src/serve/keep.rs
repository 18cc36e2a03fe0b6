//! Pages that are kept, so that a conversation is not read anew with each turn.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::network::{PAGE, Page, Pool};

/// Tells a model in memory from all others, also from those that had its id before.
#[derive(Clone, Debug)]
pub(crate) struct Identity(Arc<u64>);

impl Identity {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(Arc::new(NEXT.fetch_add(1, Ordering::Relaxed)))
    }
}

/// Keeps whole pages by the model and all tokens up to their ends.
///
/// All pages in use count too. Where there are more than the budget allows, those go that were
/// used longest ago and are in no use now; a model that is gone takes its pages along.
pub(crate) struct Keep {
    pool: Pool,
    /// In bytes.
    budget: AtomicU64,
    shelf: Mutex<Shelf>,
}

impl Keep {
    pub(crate) fn new(budget: u64) -> Self {
        Self { pool: Pool::default(), budget: budget.into(), shelf: Mutex::default() }
    }

    /// What counts the pages.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Allows so many bytes from now on.
    pub(crate) fn set_budget(&self, bytes: u64) {
        self.budget.store(bytes, Ordering::Relaxed);
        self.make_room();
    }

    /// The pages of the longest beginning of `tokens` that is kept.
    pub(crate) fn take(&self, model: &Identity, tokens: &[u32]) -> Vec<Arc<Page>> {
        let mut shelf = self.lock();
        let path = shelf.path(*model.0, tokens);
        shelf.use_now(&path);
        path.iter().filter_map(|id| Some(Arc::clone(&shelf.nodes.get(id)?.page))).collect()
    }

    /// Keeps the pages of the beginning of `tokens`, those apart that are there.
    ///
    /// They may be too much; see [`make_room`](Self::make_room).
    pub(crate) fn put(&self, model: &Identity, tokens: &[u32], pages: &[Arc<Page>]) {
        if self.budget.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut shelf = self.lock();
        shelf.models.entry(*model.0).or_insert_with(|| Arc::downgrade(&model.0));
        let mut path = shelf.path(*model.0, tokens);
        for (tokens, page) in tokens.as_chunks().0.iter().zip(pages).skip(path.len()) {
            let place = Place { model: *model.0, after: path.last().copied(), tokens: *tokens };
            path.push(shelf.insert(place, Arc::clone(page)));
        }
        shelf.use_now(&path);
    }

    /// Forgets as much as is too much, but for what is in use.
    pub(crate) fn make_room(&self) {
        let budget = self.budget.load(Ordering::Relaxed);
        if self.pool.bytes() > budget {
            let mut shelf = self.lock();
            // The oldest first. What stands behind another is older than that.
            let ages: Vec<u64> = shelf.ages.values().copied().collect();
            for id in ages {
                if self.pool.bytes() <= budget {
                    break;
                }
                shelf.remove_if_idle(id);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.forget_the_gone();
        shelf
    }
}

impl fmt::Debug for Keep {
    /// What conversations are about is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, budget) = (self.pool.bytes(), self.budget.load(Ordering::Relaxed));
        let mut keep = f.debug_struct("Keep");
        keep.field("bytes", &bytes).field("budget", &budget).finish_non_exhaustive()
    }
}

/// A page stands behind the one before it; the first of a conversation behind none.
#[derive(Default)]
struct Shelf {
    nodes: HashMap<u64, Node>,
    places: HashMap<Place, u64>,
    /// The nodes by when they were last used.
    ages: BTreeMap<u64, u64>,
    models: HashMap<u64, Weak<u64>>,
    /// Counts nodes and uses.
    count: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    model: u64,
    after: Option<u64>,
    tokens: [u32; PAGE],
}

struct Node {
    place: Place,
    page: Arc<Page>,
    used: u64,
    /// How many pages stand behind it.
    next: usize,
}

impl Shelf {
    /// The nodes of the longest beginning of `tokens`.
    fn path(&self, model: u64, tokens: &[u32]) -> Vec<u64> {
        let mut path = Vec::new();
        for tokens in tokens.as_chunks().0 {
            let place = Place { model, after: path.last().copied(), tokens: *tokens };
            match self.places.get(&place) {
                Some(id) => path.push(*id),
                None => break,
            }
        }
        path
    }

    fn count(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    fn insert(&mut self, place: Place, page: Arc<Page>) -> u64 {
        let id = self.count();
        if let Some(before) = place.after.and_then(|before| self.nodes.get_mut(&before)) {
            before.next += 1;
        }
        self.nodes.insert(id, Node { place, page, used: id, next: 0 });
        self.places.insert(place, id);
        self.ages.insert(id, id);
        id
    }

    /// Makes these the youngest, each younger than the one behind it.
    fn use_now(&mut self, path: &[u64]) {
        for id in path.iter().rev() {
            let now = self.count();
            if let Some(node) = self.nodes.get_mut(id) {
                self.ages.remove(&std::mem::replace(&mut node.used, now));
                self.ages.insert(now, *id);
            }
        }
    }

    /// Removes a page that no sequence uses, and behind which there is none.
    fn remove_if_idle(&mut self, id: u64) {
        if self.nodes.get(&id).is_some_and(|it| it.next == 0 && Arc::strong_count(&it.page) == 1) {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: u64) {
        let Some(node) = self.nodes.remove(&id) else { return };
        self.places.remove(&node.place);
        self.ages.remove(&node.used);
        if let Some(before) = node.place.after.and_then(|before| self.nodes.get_mut(&before)) {
            before.next -= 1;
        }
    }

    /// Removes the pages of models that are no longer in memory.
    fn forget_the_gone(&mut self) {
        let is_gone = |model: &Weak<u64>| model.strong_count() == 0;
        if !self.models.values().any(is_gone) {
            return;
        }
        self.models.retain(|_, model| !is_gone(model));
        let models = &self.models;
        let gone = self.nodes.iter().filter(|(_, node)| !models.contains_key(&node.place.model));
        let gone: Vec<u64> = gone.map(|(id, _)| *id).collect();
        gone.into_iter().for_each(|id| self.remove(id));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::tests::small;
    use crate::network::Cache;

    /// Pages for these tokens, none of them kept.
    fn pages(keep: &Keep, tokens: &[u32]) -> Vec<Arc<Page>> {
        let mut cache = Cache::with_pages(&small(), keep.pool(), Vec::new());
        let rows = vec![0.0; tokens.len() * 8];
        (0..2).for_each(|layer| cache.write(layer, &rows, &rows));
        cache.settle(tokens.len());
        cache.whole_pages().to_vec()
    }

    /// Whole pages of tokens, each of one kind.
    fn text(kinds: &[u32]) -> Vec<u32> {
        kinds.iter().flat_map(|kind| [*kind; PAGE]).collect()
    }

    fn is_same(a: &[Arc<Page>], b: &[Arc<Page>]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(a, b))
    }

    proptest! {
        #[test]
        fn the_longest_beginning_that_was_put_is_taken(
            texts in prop::collection::vec(
                (0..2_usize, prop::collection::vec(0..3_u32, 0..5), 0..PAGE), 1..30,
            ),
        ) {
            let (keep, models) = (Keep::new(u64::MAX), [Identity::new(), Identity::new()]);
            // The same as a list of all beginnings.
            let mut plain: Vec<(usize, Vec<u32>, Arc<Page>)> = Vec::new();
            for (model, kinds, more) in texts {
                let tokens = [text(&kinds), vec![9; more]].concat();
                let expected: Vec<Arc<Page>> = (1..=kinds.len())
                    .map_while(|end| {
                        let is = |it: &&(usize, Vec<u32>, _)| (it.0, &it.1[..]) == (model, &kinds[..end]);
                        plain.iter().find(is).map(|(.., page)| Arc::clone(page))
                    })
                    .collect();
                prop_assert!(is_same(&keep.take(&models[model], &tokens), &expected));
                let new = pages(&keep, &tokens);
                keep.put(&models[model], &tokens, &new);
                for end in expected.len()..kinds.len() {
                    plain.push((model, kinds[..=end].to_vec(), Arc::clone(&new[end])));
                }
            }
        }

        #[test]
        fn what_is_kept_fits_the_budget_and_is_what_was_put(
            texts in prop::collection::vec(prop::collection::vec(0..3_u32, 0..5), 1..40),
            most in 0..8_u64,
        ) {
            let (keep, model) = (Keep::new(u64::MAX), Identity::new());
            let page = pages(&keep, &text(&[0]))[0].bytes();
            keep.set_budget(most * page);
            for kinds in texts {
                let tokens = text(&kinds);
                keep.put(&model, &tokens, &pages(&keep, &tokens));
                keep.make_room();
                let kept = keep.lock().nodes.len() as u64;
                prop_assert_eq!(keep.pool.bytes(), kept * page);
                prop_assert!(kept <= most);
                // No more than is too much went, so the beginning is there.
                let taken = keep.take(&model, &tokens).len();
                prop_assert_eq!(taken, kinds.len().min(most as usize));
                let shelf = keep.lock();
                prop_assert_eq!(shelf.places.len(), shelf.nodes.len());
                prop_assert_eq!(shelf.ages.len(), shelf.nodes.len());
            }
        }
    }

    #[test]
    fn what_was_used_longest_ago_goes_first_unless_it_is_in_use() {
        let (keep, model) = (Keep::new(u64::MAX), Identity::new());
        for kinds in [[1, 1], [2, 2], [3, 3]] {
            keep.put(&model, &text(&kinds), &pages(&keep, &text(&kinds)));
        }
        let page = keep.pool.bytes() / 6;
        let used = keep.take(&model, &text(&[1, 1]));
        let taken = |kinds: &[u32]| keep.take(&model, &text(kinds)).len();
        keep.set_budget(4 * page);
        assert_eq!((taken(&[1, 1]), taken(&[3, 3]), taken(&[2, 2])), (2, 2, 0));
        keep.set_budget(0);
        assert_eq!((taken(&[3, 3]), taken(&[1, 1])), (0, 2));
        drop(used);
        keep.make_room();
        assert_eq!((taken(&[1, 1]), keep.pool.bytes()), (0, 0));
    }

    #[test]
    fn a_model_that_is_gone_takes_its_pages_along() {
        let (keep, models) = (Keep::new(u64::MAX), [Identity::new(), Identity::new()]);
        let tokens = text(&[1, 2]);
        for model in &models {
            keep.put(model, &tokens, &pages(&keep, &tokens));
        }
        let [first, second] = models;
        let all = keep.pool.bytes();
        drop(first);
        assert!(keep.take(&Identity::new(), &tokens).is_empty());
        assert_eq!(keep.take(&second, &tokens).len(), 2);
        assert_eq!(keep.pool.bytes(), all / 2);
    }
}
