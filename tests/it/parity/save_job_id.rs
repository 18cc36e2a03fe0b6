use std::time::{SystemTime, UNIX_EPOCH};

use trainer::{JobId, JobRegistry};

use crate::support::{embedded, read_json};

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_lose_nothing_in_the_originals_format() {
    let (home, builder) = embedded();
    let file = home.path().join("job_ids.json");
    std::fs::write(&file, r#"[{"id": "old", "description": "from Python", "created": 1.5}]"#)
        .unwrap();
    let model = builder.job_registry(&file).build().unwrap();
    let writers = (0..8).map(|writer| {
        let model = model.clone();
        tokio::spawn(async move {
            for n in 0..5 {
                let id = JobId::new(format!("job_{writer}_{n}"));
                model.save_job_id(&id, "Training model with new data").await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let records = read_json(&file);
    assert_eq!(records.as_array().unwrap().len(), 41);
    assert_eq!(records[0]["id"], "old");
    let created = records[40]["created"].as_f64().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((0.0..60.0).contains(&(now - created)), "seconds since the epoch");
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_is_left_as_it_was() {
    let (home, builder) = embedded();
    let file = home.path().join("job_ids.json");
    let half = "[{\"id\": \"old\",\n \"descr";
    std::fs::write(&file, half).unwrap();
    let model = builder.job_registry(&file).build().unwrap();
    let error = model.save_job_id(&JobId::new("new"), "x").await.unwrap_err();
    assert!(error.to_string().contains("line 2"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), half);
    assert!(JobRegistry::open(&file).and_then(|registry| registry.list()).is_err());
}
