use super::run::{attune, attune_home};

#[tokio::test]
async fn the_demo_shows_a_model_learn() {
    let home = attune_home();
    let Some(ran) = attune(home.path(), &["demo", "--json"]).await else { return };
    let summary = ran.json();
    let verbatim = summary["verbatim"]["correct"].as_u64().unwrap();
    assert!(verbatim >= 44, "at least nine in ten of 48: {summary:#}");
    let (before, after) = (&summary["held_out_loss"]["before"], &summary["held_out_loss"]["after"]);
    assert!(after.as_f64().unwrap() < before.as_f64().unwrap(), "{summary:#}");
}
