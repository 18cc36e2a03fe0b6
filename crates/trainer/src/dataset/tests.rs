use super::*;

fn good(prompt: &str, answer: &str) -> Example {
    Example::pair(prompt, answer)
}

fn bad(prompt: &str, answer: &str) -> Example {
    Example::pair(prompt, answer).with_label(Label::Negative)
}

fn curate(examples: Vec<Example>) -> TrainingSet {
    Dataset::new(examples).curate()
}

fn pairs(set: &TrainingSet) -> Vec<(String, String)> {
    set.preferences.iter().map(|pair| (pair.preferred.text(), pair.rejected.text())).collect()
}

#[test]
fn train_learns_from_positive_rows_only() {
    let set = curate(vec![good("p", "yes"), bad("q", "no")]);
    assert_eq!(set.supervised, [good("p", "yes")]);
    assert_eq!(set.unpaired, [bad("q", "no")]);
    assert!(set.preferences.is_empty());
}

#[test]
fn train_makes_a_preference_of_a_prompt_with_a_good_and_a_bad_answer() {
    let set = curate(vec![bad("p", "no"), good(" p ", "yes")]);
    assert_eq!(pairs(&set), [("yes".into(), "no".into())]);
    assert_eq!(set.supervised.len(), 1);
    assert!(set.unpaired.is_empty());
}

#[test]
fn train_never_learns_from_negatives_alone() {
    let set = curate(vec![bad("p", "no"), bad("q", "no")]);
    assert!(set.is_empty());
    let job = crate::TrainingJob::new("m", set);
    assert_eq!(
        job.check().unwrap_err().to_string(),
        "there is no example to train on: all 2 answers are negative; \
         add a good answer to the same prompts to make preference pairs"
    );
}

#[test]
fn each_bad_answer_makes_one_preference_and_the_last_good_one_is_used_again() {
    let set =
        curate(vec![good("p", "a"), good("p", "b"), bad("p", "1"), bad("p", "2"), bad("p", "3")]);
    let expected = [("a", "1"), ("b", "2"), ("b", "3")];
    assert_eq!(pairs(&set), expected.map(|(p, r)| (p.to_owned(), r.to_owned())));
    let set = curate(vec![good("p", "a"), good("p", "b"), good("p", "c"), bad("p", "1")]);
    assert_eq!(pairs(&set), [("a".into(), "1".into())]);
}

#[test]
fn validation_keeps_good_answers_and_both_sides_of_preferences() {
    let mut set = Dataset::new(vec![
        good("p", "yes"),
        bad("p", "no"),
        bad("alone", "no"),
        good("q", "one").with_origin(Origin::file_line("v.jsonl", 2)),
    ]);
    for (preferred, rejected) in [("two", "three"), ("four", "five")] {
        let prompt = vec![Message::user("q")];
        let (preferred, rejected) = (Message::assistant(preferred), Message::assistant(rejected));
        let mut pair = Preference::new(prompt, preferred, rejected)
            .with_origin(Origin::file_line("v.jsonl", 1));
        pair.extra.insert("tools".into(), Value::Array(Vec::new()));
        set.preferences.push(pair);
    }
    let ready = set.preferences.clone();

    let examples = set.into_validation().unwrap();
    let told: Vec<_> = examples.iter().map(|it| (it.label, it.answer().unwrap().text())).collect();
    let told: Vec<_> = told.iter().map(|(label, text)| (*label, text.as_str())).collect();
    use Label::{Negative, Positive};
    let of_pairs = [(Positive, "two"), (Negative, "three"), (Positive, "four"), (Negative, "five")];
    assert_eq!(told[..4], of_pairs);
    assert_eq!(told[4..], [(Positive, "yes"), (Negative, "no"), (Positive, "one")]);

    let again = curate(examples);
    assert_eq!(again.preferences[..2], ready);
    assert_eq!(pairs(&again)[2], ("yes".into(), "no".into()));
    assert!(again.unpaired.is_empty());
}

#[test]
fn validation_without_a_good_answer_is_refused_with_the_file_if_there_is_one() {
    let refused = |examples| Dataset::new(examples).into_validation().unwrap_err().to_string();
    assert_eq!(refused(Vec::new()), "data: there is no example to measure on");
    let of = |file: &str| bad("p", "no").with_origin(Origin::file_line(file, 3));
    let told = ": there is no example to measure on: every answer is negative; \
                add a good answer to the same prompts";
    assert_eq!(refused(vec![of("v.jsonl"), of("v.jsonl")]), format!("v.jsonl{told}"));
    assert_eq!(refused(vec![of("v.jsonl"), of("w.jsonl")]), format!("data{told}"));
    assert_eq!(refused(vec![of("v.jsonl"), bad("p", "no")]), format!("data{told}"));
}

#[test]
fn equal_answers_make_no_preference() {
    let set = curate(vec![good("p", "same"), bad("p", "same")]);
    assert!(set.preferences.is_empty() && set.unpaired.is_empty());
}

#[test]
fn prompts_differ_by_role_system_message_and_image() {
    use openai_api::{ContentPart, ImageUrl};
    let with_system = |label| {
        let messages = vec![Message::system("s"), Message::user("p"), Message::assistant("a")];
        Example::new(messages).with_label(label)
    };
    assert_eq!(curate(vec![good("p", "yes"), with_system(Label::Negative)]).unpaired.len(), 1);
    let image = |url: &str, answer: &str| {
        let parts = vec![ContentPart::from_text("p"), ContentPart::from_image(ImageUrl::new(url))];
        Example::new(vec![Message::user(parts), Message::assistant(answer)])
    };
    let other = image("data:,2", "no").with_label(Label::Negative);
    assert_eq!(curate(vec![image("data:,1", "yes"), other]).unpaired.len(), 1);
}

#[test]
fn a_preference_says_where_its_better_answer_came_from() {
    let set = curate(vec![
        good("p", "yes").with_origin(Origin::file_line("good.csv", 3)),
        bad("p", "no").with_origin(Origin::file_line("bad.csv", 9)),
    ]);
    assert_eq!(set.preferences[0].origin, Origin::file_line("good.csv", 3));
}

#[test]
fn validate_names_an_example_from_no_file_by_its_place() {
    let mut set = Dataset::new(vec![good("p", "yes"), Example::new(vec![Message::user("p")])]);
    let answer = Message::assistant("a");
    set.preferences.push(Preference::new(Vec::new(), answer.clone(), answer));
    let found: Vec<_> = set.validate().iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "data, column examples[1].messages[0].role: the last message must be the assistant's answer",
            "data, column preferences[0].input.messages: must hold at least one message",
        ]
    );
}

#[test]
fn from_data_takes_text_or_a_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.jsonl");
    std::fs::write(&path, "{\"prompt\":\"q\",\"completion\":\"a\"}\n").unwrap();
    let read = |data: &str| Dataset::from_data(data, Label::Negative).map(|set| set.examples);
    assert_eq!(read(path.to_str().unwrap()).unwrap()[0].label, Label::Negative);
    assert_eq!(read("prompt,completion\nq,a").unwrap().len(), 1);
    assert_eq!(read("{\"prompt\":\"q\",\"completion\":\"a\"}").unwrap().len(), 1);
    assert!(read(folder.path().to_str().unwrap()).unwrap_err().to_string().contains("no CSV file"));
    let error = read("missing.csv").unwrap_err().to_string();
    assert!(error.starts_with("missing.csv: there is no such file"), "{error}");
    let error = read("prompt,completion").unwrap_err().to_string();
    assert!(error.starts_with("data: there is no such file"), "{error}");
}

#[test]
fn from_path_refuses_an_extension_it_does_not_know() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.parquet");
    std::fs::write(&path, "x").unwrap();
    let error = Dataset::from_path(&path, Label::Positive).unwrap_err().to_string();
    assert!(error.ends_with("expected .csv, .tsv, .jsonl, .ndjson or .json"), "{error}");
}
