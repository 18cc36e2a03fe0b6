//! `/v1/files`.

use expect_test::expect;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{Answer, Api, FORM_TYPE, builder, form, listener, names, within};

fn ids(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|file| file["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_file_comes_back_as_it_was_uploaded() {
    let dir = TempDir::new().unwrap();
    let api = Api::with_files(&dir).await;
    let content = "{\"вопрос\": 1}\r\n--xYy\r\n".repeat(20_000).into_bytes();
    let file = api.upload("C:\\data\\обучение.jsonl", "fine-tune", &content).await.ok();
    let id = file["id"].as_str().unwrap();
    assert!(id.starts_with("file-"));
    assert_eq!(file["bytes"], content.len());
    assert_eq!(file["filename"], "обучение.jsonl");
    assert_eq!((&file["object"], &file["purpose"]), (&json!("file"), &json!("fine-tune")));
    assert_eq!(api.get(&format!("/v1/files/{id}")).await.ok(), file);
    let answer = api.get(&format!("/v1/files/{id}/content")).await;
    assert!(answer.body == content);
    assert_eq!(answer.header("content-length"), content.len().to_string());
}

#[tokio::test]
async fn files_are_listed_newest_first_in_pages() {
    let dir = TempDir::new().unwrap();
    let api = Api::with_files(&dir).await;
    let mut uploaded = Vec::new();
    for (name, purpose) in [("a", "fine-tune"), ("b", "vision"), ("c", "fine-tune")] {
        let file = api.upload(name, purpose, name.as_bytes()).await.ok();
        uploaded.insert(0, file["id"].as_str().unwrap().to_owned());
    }
    let page = api.get("/v1/files").await.ok();
    assert_eq!(ids(&page), uploaded);
    assert_eq!(page["has_more"], false);
    let page = api.get("/v1/files?limit=2").await.ok();
    assert_eq!((ids(&page), &page["has_more"]), (vec![&*uploaded[0], &uploaded[1]], &json!(true)));
    let page = api.get(&format!("/v1/files?limit=2&after={}", uploaded[1])).await.ok();
    assert_eq!((ids(&page), &page["has_more"]), (vec![&*uploaded[2]], &json!(false)));
    assert_eq!(page["last_id"], *uploaded[2]);
    let page = api.get("/v1/files?purpose=vision").await.ok();
    assert_eq!(ids(&page), [&uploaded[1]]);
    let page = api.get("/v1/files?order=asc&limit=1").await.ok();
    assert_eq!(ids(&page), [&uploaded[2]]);
}

#[tokio::test]
async fn a_page_that_cannot_be_is_refused() {
    let dir = TempDir::new().unwrap();
    let api = Api::with_files(&dir).await;
    for (query, expected) in [
        ("limit=0", "400 limit -: limit: must be a number from 1 to 10000"),
        ("limit=many", "400 limit -: limit: must be a number from 1 to 10000"),
        ("after=file-0", "400 after -: after: no entry has this id"),
        ("order=up", "400 order -: order: must be asc or desc"),
    ] {
        assert_eq!(api.get(&format!("/v1/files?{query}")).await.error(), expected);
    }
}

#[tokio::test]
async fn a_deleted_file_is_gone_from_the_disk() {
    let dir = TempDir::new().unwrap();
    let api = Api::with_files(&dir).await;
    let file = api.upload("a", "batch", b"a").await.ok();
    let path = format!("/v1/files/{}", file["id"].as_str().unwrap());
    let deleted = json!({"id": file["id"], "object": "file", "deleted": true});
    assert_eq!(api.delete(&path).await.ok(), deleted);
    assert!(names(dir.path()).is_empty());
    for answer in [api.get(&path).await, api.delete(&path).await] {
        assert_eq!(answer.error(), "404 id -: no file has this id");
    }
}

#[tokio::test]
async fn files_survive_a_restart() {
    let dir = TempDir::new().unwrap();
    let api = Api::with_files(&dir).await;
    let file = api.upload("a.jsonl", "fine-tune", "я".as_bytes()).await.ok();
    api.stop().await;
    let api = Api::with_files(&dir).await;
    assert_eq!(api.get("/v1/files").await.ok()["data"], json!([file]));
    let content = api.get(&format!("/v1/files/{}/content", file["id"].as_str().unwrap())).await;
    assert_eq!(content.text(), "я");
}

#[tokio::test]
async fn a_damaged_record_is_told_to_whoever_runs_the_server_and_hides_no_other_file() {
    let dir = TempDir::new().unwrap();
    let (hook, told) = listener();
    let api = Api::start(builder().0.with_files_dir(dir.path()).on_failure(hook)).await;
    let sound = api.upload("a", "vision", b"a").await.ok();
    let damaged = api.upload("b", "vision", b"b").await.ok();
    let id = damaged["id"].as_str().unwrap();
    let record = dir.path().join(format!("{id}.json"));
    std::fs::write(&record, "{\"stored_ns\": 1").unwrap();

    let list = api.get("/v1/files").await;
    assert_eq!(list.ok()["data"], json!([sound]));
    let one = api.get(&format!("/v1/files/{id}")).await;
    assert_eq!(
        one.error(),
        "500 - -: the files folder could not be read or written (request REQUEST)"
    );
    let expected = format!("could not read {}", record.display());
    let of = |answer: &Answer| (answer.header("x-request-id").to_owned(), expected.clone());
    assert_eq!(*told.lock().unwrap(), [of(&list), of(&one)]);
    // There is a way out for clients.
    assert_eq!(api.delete(&format!("/v1/files/{id}")).await.status, 200);
}

#[tokio::test]
async fn no_id_leads_out_of_the_folder() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("secret"), "secret").unwrap();
    std::fs::write(dir.path().join("file-secret.json"), "secret").unwrap();
    let folder = dir.path().join("files");
    let api = Api::start(builder().0.with_files_dir(&folder)).await;
    for id in [
        "../secret",
        "..%2Fsecret",
        "%2e%2e%2fsecret",
        "file-%2F..%2F..%2Fsecret",
        "..",
        "file-..%2f..%2ffile-secret",
        "..%5csecret",
        "%00",
        "file-%00",
        "%ff",
        "file-a.json",
        "%2Fetc%2Fpasswd",
    ] {
        for (method, end) in [("GET", ""), ("GET", "/content"), ("DELETE", "")] {
            let answer = api
                .raw(&format!(
                    "{method} /v1/files/{id}{end} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
                ))
                .await;
            let refused = ["HTTP/1.1 404 ", "HTTP/1.1 400 ", "HTTP/1.1 405 "];
            assert!(refused.iter().any(|start| answer.starts_with(start)), "{id}: {answer}");
            assert!(!answer.contains("\"secret\"") && !answer.ends_with("secret"), "{answer}");
        }
    }
    assert_eq!(names(dir.path()), ["file-secret.json", "files", "secret"]);
}

#[tokio::test]
async fn an_upload_broken_off_leaves_nothing_behind() {
    let dir = TempDir::new().unwrap();
    let api = Api::with_files(&dir).await;
    let form = form("a", "fine-tune", &[b'a'; 300_000]);
    let head = format!(
        "POST /v1/files HTTP/1.1\r\nhost: x\r\ncontent-type: {FORM_TYPE}\r\n\
         content-length: {}\r\n\r\n",
        form.len()
    );
    let mut socket = TcpStream::connect(api.addr).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&form[..150_000]).await.unwrap();
    within(async {
        while names(dir.path()).is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(socket);
    // The server ends when its last connection has.
    api.stop().await;
    assert!(names(dir.path()).is_empty());
}

#[tokio::test]
async fn a_form_that_lacks_something_is_refused_and_leaves_nothing_behind() {
    let dir = TempDir::new().unwrap();
    let api = Api::with_files(&dir).await;
    let send = async |kind: &'static str, body: String| {
        let request = api.request(Method::POST, "/v1/files").header("content-type", kind);
        api.send(request.body(body)).await.error()
    };
    let field = |name: &str| {
        format!("--xYz\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\nvision\r\n")
    };
    let end = "--xYz--";
    let answers = [
        send(FORM_TYPE, field("purpose") + end).await,
        send(FORM_TYPE, field("file") + end).await,
        send(FORM_TYPE, field("file") + &field("file") + end).await,
        send(FORM_TYPE, field("file")).await,
        send("application/json", "{}".into()).await,
        send("multipart/form-data", "{}".into()).await,
        api.upload("a", "world-domination", b"a").await.error(),
    ];
    expect![[r#"
        400 file missing_required_parameter: file: the form has no field `file`
        400 purpose missing_required_parameter: purpose: the form has no field `purpose`
        400 file -: file: the form has two files; send one
        400 - -: the body ended before it was complete
        415 - unsupported_media_type: the body must be multipart/form-data with a boundary; say so in `Content-Type`
        415 - unsupported_media_type: the body must be multipart/form-data with a boundary; say so in `Content-Type`
        400 purpose -: purpose: must be one of fine-tune, batch, vision, assistants, user_data, evals"#]].assert_eq(&answers.join("\n"));
    assert!(names(dir.path()).is_empty());
}

#[tokio::test]
async fn an_upload_above_the_limit_is_refused_and_leaves_nothing_behind() {
    let dir = TempDir::new().unwrap();
    let api = Api::start(builder().0.with_files_dir(dir.path()).with_max_upload(100_000)).await;
    assert_eq!(api.upload("a", "vision", &[7; 100_000]).await.status, 200);
    let before = names(dir.path());
    let answer = api.upload("a", "vision", &[7; 100_001]).await;
    assert_eq!(answer.error(), "413 file request_too_large: the body is larger than 100000 bytes");
    let answer = api.upload("a", "vision", &vec![7; 10_000_000]).await;
    assert_eq!(answer.status, 413);
    assert_eq!(names(dir.path()), before);
}
