//! Which column of a CSV file holds what.

use crate::text::shown;

/// Where the parts of an example are in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    /// What the record holds.
    pub(crate) body: Body,
    /// A message of the role `system` to begin with.
    pub(crate) system: Option<usize>,
    /// Whether the answer is one to learn.
    pub(crate) label: Option<usize>,
}

/// The columns that make up the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// A question and its answer, with text to put before or after the question.
    Pair { before: Option<usize>, prompt: usize, after: Option<usize>, completion: usize },
    /// A question with a better and a worse answer.
    Preference { prompt: usize, chosen: usize, rejected: usize },
    /// A JSON array of messages.
    Messages(usize),
}

/// Finds the columns by their headings.
///
/// # Errors
///
/// What is missing, what was found and what would do.
pub(crate) fn find<'a>(headings: impl Iterator<Item = &'a str>) -> Result<Columns, String> {
    let names: Vec<String> =
        headings.map(|name| name.trim().trim_start_matches('\u{feff}').to_lowercase()).collect();
    let place = |wanted: &str| names.iter().position(|name| name == wanted);
    if let Some(name) = names.iter().enumerate().find_map(|(at, name)| {
        (KNOWN.contains(&name.as_str()) && names[..at].contains(name)).then_some(name)
    }) {
        return Err(format!("the heading {name} is there twice; rename one of the two columns"));
    }
    let body = SETS.iter().find_map(|set| {
        Some(Body::Pair {
            before: set.before.and_then(place),
            prompt: place(set.prompt)?,
            after: set.after.and_then(place),
            completion: place(set.completion)?,
        })
    });
    let preference = || {
        let [prompt, chosen, rejected] = PREFERENCE.map(place);
        Some(Body::Preference { prompt: prompt?, chosen: chosen?, rejected: rejected? })
    };
    let classified = || {
        let [prompt, completion] = CLASSIFIED.map(place);
        Some(Body::Pair { before: None, prompt: prompt?, after: None, completion: completion? })
    };
    let own_label = place(LABEL).or_else(|| place(KTO_TAG));
    let (body, label) = if let Some(body) = body.or_else(preference) {
        (body, own_label)
    } else if let Some(column) = place(MESSAGES) {
        (Body::Messages(column), own_label)
    } else if let Some(body) = classified() {
        // Here the label is the answer, not a word about it.
        (body, place(KTO_TAG))
    } else {
        return Err(missing(&names));
    };
    Ok(Columns { body, system: place(SYSTEM), label })
}

fn missing(names: &[String]) -> String {
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    let half = SETS.iter().find_map(|set| match (has(set.prompt), has(set.completion)) {
        (true, false) => {
            Some(format!("there is no column {} beside {}", set.completion, set.prompt))
        }
        (false, true) => {
            Some(format!("there is no column {} beside {}", set.prompt, set.completion))
        }
        _ => None,
    });
    let half = half.unwrap_or_else(|| "the first line holds no known headings".to_owned());
    let sets: Vec<String> =
        SETS.iter().map(|set| format!("{} and {}", set.prompt, set.completion)).collect();
    format!(
        "{half}; found {}; expected {}, or {}, or {}, or {MESSAGES}",
        shown(names.iter().map(String::as_str)),
        sets.join(", or "),
        PREFERENCE.join(" and "),
        CLASSIFIED.join(" and "),
    )
}

/// A pair of headings that belong together.
struct Set {
    before: Option<&'static str>,
    prompt: &'static str,
    after: Option<&'static str>,
    completion: &'static str,
}

const fn set(prompt: &'static str, completion: &'static str) -> Set {
    Set { before: None, prompt, after: None, completion }
}

const SETS: [Set; 5] = [
    set("prompt", "completion"),
    Set { before: Some("context"), ..set("question", "answer") },
    Set { after: Some("input"), ..set("instruction", "output") },
    set("instruction", "response"),
    set("input", "output"),
];
const PREFERENCE: [&str; 3] = ["prompt", "chosen", "rejected"];
const CLASSIFIED: [&str; 2] = ["text", "label"];
const MESSAGES: &str = "messages";
const SYSTEM: &str = "system";
const LABEL: &str = "label";
const KTO_TAG: &str = "kto_tag";
const KNOWN: [&str; 16] = [
    "prompt",
    "completion",
    "context",
    "question",
    "answer",
    "instruction",
    "input",
    "output",
    "response",
    MESSAGES,
    "chosen",
    "rejected",
    "text",
    SYSTEM,
    LABEL,
    KTO_TAG,
];
