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
fn the_fewer_answers_are_used_again() {
    let set =
        curate(vec![good("p", "a"), good("p", "b"), bad("p", "1"), bad("p", "2"), bad("p", "3")]);
    let expected = [("a", "1"), ("b", "2"), ("b", "3")];
    assert_eq!(pairs(&set), expected.map(|(p, r)| (p.to_owned(), r.to_owned())));
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
    assert!(error.ends_with("expected .csv, .tsv, .jsonl or .ndjson"), "{error}");
}
