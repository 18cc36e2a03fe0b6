//! Words that change what stands near them.

/// Whether a word turns what follows into its opposite.
pub(crate) fn negates(word: &str) -> bool {
    word.ends_with("n't") || NEGATORS.contains(&word)
}

/// By how much a word strengthens what follows it (above 1) or weakens it (below 1).
pub(crate) fn degree(word: &str) -> Option<f64> {
    if BOOSTERS.contains(&word) {
        Some(1.3)
    } else if DAMPENERS.contains(&word) {
        Some(0.7)
    } else {
        None
    }
}

/// Whether what follows weighs more than what came before.
pub(crate) fn contrasts(word: &str) -> bool {
    matches!(word, "but" | "however" | "но" | "однако" | "зато")
}

/// Whether a word takes back half of the good that follows.
pub(crate) fn regrets(word: &str) -> bool {
    matches!(word, "sadly" | "unfortunately" | "regrettably" | "увы" | "сожалению")
}

/// Whether a word says nothing where it stands, though elsewhere it does.
pub(crate) fn idle(before: Option<&str>, word: &str, after: Option<&str>) -> bool {
    match word {
        "like" | "likes" => !before.is_some_and(|it| LIKERS.contains(&it) || it.ends_with("n't")),
        "kind" | "sort" | "short" | "kinds" => after == Some("of"),
        "well" => matches!(before, None | Some("as" | "oh")) || after == Some("as"),
        "pretty" => after.is_some(),
        "too" => after.is_none(),
        "good" => matches!(after, Some("morning" | "evening" | "afternoon" | "deal")),
        "no" => matches!(after, Some("doubt" | "matter")),
        "problem" | "problems" | "worries" => before == Some("no"),
        "united" | "help" | "support" | "content" => matches!(before, Some("the" | "can't")),
        _ => false,
    }
}

/// Whether a negation is none after all: "not only", "no doubt", "не только".
pub(crate) fn undone(negator: &str, after: Option<&str>) -> bool {
    match negator {
        "not" => matches!(after, Some("only" | "just" | "merely")),
        "no" => matches!(after, Some("doubt" | "matter" | "one's")),
        "can't" | "cannot" => matches!(after, Some("wait" | "help" | "stop" | "recommend")),
        "не" => matches!(after, Some("только" | "просто" | "могу" | "зря")),
        "нет" => matches!(after, Some("слов" | "сомнений")),
        "нельзя" => after == Some("не"),
        _ => false,
    }
}

const NEGATORS: [&str; 60] = [
    "not",
    "no",
    "never",
    "none",
    "nobody",
    "nothing",
    "nowhere",
    "neither",
    "nor",
    "without",
    "cannot",
    "hardly",
    "barely",
    "scarcely",
    "rarely",
    "seldom",
    "lack",
    "lacks",
    "lacking",
    "lacked",
    "less",
    "fails",
    "failed",
    "aint",
    "arent",
    "cant",
    "couldnt",
    "didnt",
    "doesnt",
    "dont",
    "hadnt",
    "hasnt",
    "havent",
    "isnt",
    "shouldnt",
    "wasnt",
    "werent",
    "wont",
    "wouldnt",
    "nah",
    "nope",
    "nothin",
    "не",
    "ни",
    "нет",
    "без",
    "никогда",
    "никто",
    "ничто",
    "ничего",
    "нигде",
    "нельзя",
    "вряд",
    "едва",
    "отсутствие",
    "отсутствует",
    "никак",
    "никакой",
    "никаких",
    "мало",
];

const BOOSTERS: [&str; 66] = [
    "very",
    "really",
    "so",
    "extremely",
    "absolutely",
    "totally",
    "completely",
    "utterly",
    "incredibly",
    "particularly",
    "especially",
    "exceptionally",
    "extraordinarily",
    "highly",
    "hugely",
    "deeply",
    "truly",
    "most",
    "more",
    "much",
    "quite",
    "such",
    "super",
    "too",
    "pretty",
    "awfully",
    "terribly",
    "insanely",
    "fucking",
    "freaking",
    "damn",
    "bloody",
    "entirely",
    "thoroughly",
    "enormously",
    "greatly",
    "intensely",
    "majorly",
    "purely",
    "remarkably",
    "substantially",
    "unbelievably",
    "way",
    "always",
    "ever",
    "too",
    "outrageously",
    "fully",
    "оч",
    "очень",
    "так",
    "такой",
    "такая",
    "такие",
    "крайне",
    "весьма",
    "совершенно",
    "абсолютно",
    "самый",
    "самая",
    "самое",
    "самые",
    "настолько",
    "невероятно",
    "сильно",
    "слишком",
];

const DAMPENERS: [&str; 30] = [
    "slightly",
    "somewhat",
    "little",
    "bit",
    "partly",
    "fairly",
    "rather",
    "almost",
    "marginally",
    "occasionally",
    "mildly",
    "moderately",
    "kinda",
    "sorta",
    "kindof",
    "sometimes",
    "maybe",
    "perhaps",
    "might",
    "could",
    "relatively",
    "supposedly",
    "немного",
    "чуть",
    "слегка",
    "почти",
    "отчасти",
    "довольно",
    "относительно",
    "несколько",
];

const LIKERS: [&str; 34] = [
    "i",
    "you",
    "we",
    "they",
    "who",
    "people",
    "really",
    "also",
    "to",
    "would",
    "will",
    "do",
    "don't",
    "dont",
    "didn't",
    "i'd",
    "you'll",
    "you'd",
    "still",
    "both",
    "always",
    "not",
    "never",
    "absolutely",
    "especially",
    "particularly",
    "did",
    "does",
    "and",
    "just",
    "she",
    "he",
    "ll",
    "might",
];
