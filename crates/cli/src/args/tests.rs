use clap::{CommandFactory, Parser};

use super::*;

#[track_caller]
fn parse(line: &str) -> Cli {
    Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn refuses(line: &str, expected: &str) {
    let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let message = error.to_string();
    assert!(message.contains(expected), "{message}");
}

#[test]
fn the_definition_holds_together() {
    Cli::command().debug_assert();
}

#[test]
fn what_holds_everywhere_is_understood_before_and_after_the_command() {
    for line in ["attune --json --model m ask hello", "attune ask hello --json --model m"] {
        let cli = parse(line);
        assert!(cli.global.json, "{line}");
        assert_eq!(cli.global.model.as_deref(), Some("m"), "{line}");
    }
    let cli = parse("attune --base-url http://h/v1 jobs show ftjob-1 --timeout 1.5");
    assert_eq!(cli.global.base_url.as_deref(), Some("http://h/v1"));
    assert_eq!(cli.global.timeout, Some(Duration::from_millis(1500)));
}

#[test]
fn train_takes_one_source_of_data() {
    assert!(matches!(parse("attune train").command, Command::Train(Train { path: None, .. })));
    refuses("attune train a.csv --dir b", "cannot be used with");
    refuses("attune train --data x --dir b", "cannot be used with");
}

#[test]
fn models_without_more_lists_them() {
    let Command::Models(models) = parse("attune models").command else { panic!("no models") };
    assert!(models.what.is_none());
    refuses("attune models add", "PATH|NAME");
    refuses("attune models remove", "ID");
    refuses("attune models export m", "--to");
    refuses("attune models export m --to x --as q5_0", "q8_0, q4_0");
}

#[test]
fn settings_out_of_range_are_refused() {
    refuses("attune ask hi --timeout 0", "above 0");
    refuses("attune ask hi --timeout soon", "a number of seconds");
    refuses("attune ask hi --temperature 3", "from 0 to 2");
    refuses("attune ask hi --attempts 0", "--attempts");
    refuses("attune ask hi --backend mine", "possible values: embedded, openai");
    refuses("attune dialogues rate d 1 sideways", "possible values: up, down");
    refuses("attune dialogues list --since yesterday", "--since");
}

#[test]
fn settings_of_an_adapter_need_one() {
    let cli = parse("attune train a.csv --lora --lora-rank 4 --lora-modules q_proj,v_proj");
    let Command::Train(train) = cli.command else { panic!("no train") };
    assert_eq!(train.training.tuning.lora_rank, Some(4));
    assert_eq!(train.training.tuning.lora_modules, ["q_proj", "v_proj"]);
    refuses("attune train a.csv --lora-rank 4", "--lora");
    refuses("attune learn --full --lora", "cannot be used with");
}

#[test]
fn patience_needs_something_to_measure_on() {
    let cli = parse("attune learn --validation b.csv --patience 2 --schedule linear");
    let Command::Learn(learn) = cli.command else { panic!("no learn") };
    assert_eq!(learn.training.pace.patience, Some(2));
    refuses("attune train a.csv --patience 2", "--validation");
    refuses("attune train a.csv --schedule steps", "possible values: cosine, linear, constant");
}

#[test]
fn a_negative_learning_rate_reaches_the_trainer_which_refuses_it() {
    let cli = parse("attune train a.csv --learning-rate-multiplier=-1");
    let Command::Train(train) = cli.command else { panic!("no train") };
    assert_eq!(train.training.learning_rate_multiplier, Some(-1.0));
}

#[test]
fn deploy_takes_parameters_as_json_or_as_texts() {
    let line = "attune deploy m --to ollama --parameter temperature=0.5 --parameter stop=<end>";
    let Command::Deploy(deploy) = parse(line).command else { panic!("no deploy") };
    let expected = [("temperature".to_owned(), 0.5.into()), ("stop".to_owned(), "<end>".into())];
    assert_eq!(deploy.parameters, expected);
    refuses("attune deploy m", "--to");
    refuses("attune deploy m --to ollama --parameter stop", "NAME=VALUE");
}
