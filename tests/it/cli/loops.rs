use super::run::{attune, attune_home};
use crate::support::example;

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn an_answer_comes_plain_as_json_and_streamed_the_same() {
    let home = attune_home();
    let question = "Hello! Who are you?";
    let plain = attune(home.path(), &["ask", question]).await;
    let plain = plain.ok();
    assert!(!plain.trim().is_empty());
    let streamed = attune(home.path(), &["ask", question, "--stream"]).await.ok();
    assert_eq!(plain.trim(), streamed.trim());
    let json = attune(home.path(), &["ask", question, "--json"]).await.json();
    assert_eq!(json["text"], plain.trim());
    assert_eq!(json["model"], "attune-tiny");
    for field in ["sentiment", "usage", "finish_reason", "dialogue", "turn"] {
        assert!(!json[field].is_null(), "{field}: {json}");
    }
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn dialogues_are_listed_shown_exported_and_imported() {
    let home = attune_home();
    let file = example("dialogue.json");
    let file = file.to_str().unwrap();
    let imported = attune(home.path(), &["dialogues", "import", file, "--json"]).await;
    let id = imported.json()["dialogue"].as_str().unwrap().to_owned();
    let listed = attune(home.path(), &["dialogues", "list", "--json"]).await.ok();
    assert!(listed.contains(&id), "{listed}");
    let shown = attune(home.path(), &["dialogues", "show", &id]).await.ok();
    assert!(shown.contains("assistant"), "{shown}");
    let exported = attune(home.path(), &["dialogues", "export", &id]).await.json();
    assert_eq!(exported, crate::support::read_json(std::path::Path::new(file)));
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn a_rated_answer_is_learned() {
    let home = attune_home();
    let question = "What is the name of our office dog?";
    let asked = attune(home.path(), &["ask", question, "--json"]).await;
    let reply = asked.json();
    let (dialogue, turn) = (reply["dialogue"].as_str().unwrap(), reply["turn"].to_string());
    let better = "Our office dog is called Biscuit.";
    attune(home.path(), &["dialogues", "rate", dialogue, &turn, "down", "--correction", better])
        .await
        .ok();
    attune(home.path(), &["learn"]).await.ok();
    let after = attune(home.path(), &["ask", question, "--model", "latest"]).await.ok();
    assert_eq!(after.trim(), better);
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn data_is_checked_and_counted() {
    let home = attune_home();
    let data = example("training_data.csv");
    let ran = attune(home.path(), &["data", "check", data.to_str().unwrap()]).await;
    assert!(ran.ok().contains("48"));

    let doubtful = home.path().join("doubtful.csv");
    std::fs::write(&doubtful, "prompt,completion\nq,a\nq,a\nwho?,jo@example.org\n").unwrap();
    let ran = attune(home.path(), &["data", "check", doubtful.to_str().unwrap(), "--json"]).await;
    let report = ran.json();
    assert_eq!(report["ok"], true);
    assert_eq!(report["remarks_in_all"]["duplicate"], 1);
    assert_eq!(report["remarks"][1]["code"], "personal-data");
    assert!(!report.to_string().contains("jo@"), "{report}");
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn data_is_converted_for_another_program_and_checked_on_the_way() {
    let home = attune_home();
    let data = example("training_data.csv");
    let (data, out) = (data.to_str().unwrap(), home.path().join("lake.jsonl"));
    let convert = ["data", "convert", data, "--to", "llama-factory", "-o", out.to_str().unwrap()];
    let ran = attune(home.path(), &convert).await;
    assert!(ran.ok().contains("48"));
    let info = std::fs::read(home.path().join("dataset_info.json")).unwrap();
    let info: serde_json::Value = serde_json::from_slice(&info).unwrap();
    assert_eq!(info["lake"]["file_name"], "lake.jsonl");

    // What was written is read again, and goes to standard output.
    let back = ["data", "convert", out.to_str().unwrap(), "--to", "openai"];
    let ran = attune(home.path(), &back).await;
    assert_eq!(ran.ok().lines().filter(|line| line.starts_with("{\"messages\":")).count(), 48);

    let before = std::fs::read(&out).unwrap();
    let broken = home.path().join("broken.csv");
    std::fs::write(&broken, "prompt,completion\nq,\"a\n").unwrap();
    let convert =
        ["data", "convert", broken.to_str().unwrap(), "--to", "trl", "-o", out.to_str().unwrap()];
    let ran = attune(home.path(), &convert).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("line 2: a quote opens here"), "{}", ran.err);
    assert_eq!(std::fs::read(&out).unwrap(), before);
}

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn sentiment_is_judged_in_both_languages() {
    let home = attune_home();
    let args = ["sentiment", "--json", "I love it!", "Это ужасно."];
    let ran = attune(home.path(), &args).await;
    let out = ran.ok();
    let (love, awful) = (out.find("\"positive\""), out.find("\"negative\""));
    assert!(love.is_some() && awful.is_some(), "{out}");
}
