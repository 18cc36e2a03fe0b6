use super::run::{attune, attune_home};

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the `attune` that it builds"]
async fn the_demo_shows_a_model_learn() {
    let home = attune_home();
    let ran = attune(home.path(), &["demo", "--json"]).await;
    let summary = ran.json();
    let verbatim = summary["verbatim"]["after_training"].as_u64().unwrap();
    assert!(verbatim >= 44, "at least nine in ten of 48: {summary:#}");
    let held_out = &summary["training"]["losses"]["valid"];
    let (before, after) = (held_out["first"].as_f64(), held_out["last"].as_f64());
    assert!(after.unwrap() < before.unwrap(), "{summary:#}");
    let checks = summary["checks"].as_array().unwrap();
    assert!(checks.len() >= 7 && checks.iter().all(|check| check["ok"] == true), "{summary:#}");
}
