//! The hub as a few lines over a socket: what is fetched, kept, gone on with and told.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use ring::digest;

use super::*;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const WEIGHTS_BYTES: &[u8] = b"as many bytes as weights have, or nearly so";

/// A server that knows what to say to each path.
struct Served {
    url: String,
    /// The paths that were asked for, with `token` and `from` where those were sent.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Served {
    /// Answers with status line, headers and body; ranges of bodies are its own work.
    fn start(answers: HashMap<String, (String, Vec<u8>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&asked);
        // It ends with the test.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(&stream.unwrap(), &answers, &told);
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn answer(
    mut stream: &TcpStream,
    answers: &HashMap<String, (String, Vec<u8>)>,
    asked: &Mutex<Vec<String>>,
) {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let lines: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let Some(path) = lines.first().and_then(|line| line.split(' ').nth(1)) else { return };
    let header = |name: &str| {
        lines.iter().find_map(|line| Some(line.to_lowercase().strip_prefix(name)?.to_owned()))
    };
    let from = header("range: bytes=").and_then(|range| range.trim_end_matches('-').parse().ok());
    let mut noted = path.to_owned();
    if header("authorization: bearer ").is_some() {
        noted.push_str(" token");
    }
    if let Some(from) = from {
        noted.push_str(&format!(" from {from}"));
    }
    asked.lock().unwrap().push(noted);
    let unknown = ("404 Not Found".to_owned(), Vec::new());
    let (head, body) = answers.get(path).unwrap_or(&unknown);
    let from = from.unwrap_or(0).min(body.len());
    let head = if from > 0 { head.replacen("200 OK", "206 Partial", 1) } else { head.clone() };
    // `X-Cut` sends that many bytes of what was announced, and hangs up.
    let cut = head.split("X-Cut: ").nth(1).and_then(|it| it.lines().next()?.trim().parse().ok());
    let rest = &body[from..];
    let sent = &rest[..cut.filter(|_| from == 0).unwrap_or(rest.len())];
    let head =
        format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", rest.len());
    // Whoever asked may have what they wanted already.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(sent));
}

/// A hub with one model, whose weights lie on another server, as those of the real one do.
fn hub(weights_head: &str, etag: &str) -> (Served, Served) {
    let store = Served::start(HashMap::from([(
        "/store/weights".to_owned(),
        (format!("200 OK{weights_head}"), WEIGHTS_BYTES.to_vec()),
    )]));
    let index = format!(
        r#"{{"sha": "{COMMIT}", "siblings": [{{"rfilename": "config.json"}},
            {{"rfilename": "README.md"}}, {{"rfilename": "model.safetensors"}},
            {{"rfilename": "model-00001-of-00002.safetensors"}}, {{"rfilename": "../../x.json"}}]}}"#
    );
    let redirect = format!(
        "302 Found\r\nLocation: {}/store/weights\r\nX-Linked-Etag: \"{etag}\"\r\nX-Linked-Size: {}",
        store.url,
        WEIGHTS_BYTES.len()
    );
    let hub = Served::start(HashMap::from([
        ("/api/models/org/tiny/revision/main".to_owned(), ("200 OK".into(), index.into_bytes())),
        (
            format!("/org/tiny/resolve/{COMMIT}/config.json"),
            ("200 OK\r\nETag: W/\"abc\"".into(), b"{}".to_vec()),
        ),
        (format!("/org/tiny/resolve/{COMMIT}/model.safetensors"), (redirect, Vec::new())),
        ("/api/models/org/gated/revision/main".to_owned(), ("401 Unauthorized".into(), vec![])),
        (
            "/api/models/org/gguf/revision/main".to_owned(),
            (
                "200 OK".into(),
                format!(r#"{{"sha": "{COMMIT}", "siblings": [{{"rfilename": "a.gguf"}}]}}"#)
                    .into_bytes(),
            ),
        ),
    ]));
    (hub, store)
}

/// The name that the hub would give the weights.
fn sum() -> String {
    let digest = digest::digest(&digest::SHA256, WEIGHTS_BYTES);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn fetch(hub: &Hub, name: &str) -> Result<PathBuf, String> {
    hub.fetch(name, "main", &mut |_| {}).map_err(|error| error.to_string())
}

#[test]
fn a_model_is_fetched_once_and_kept_as_pythons_library_keeps_it() {
    let cache = tempfile::tempdir().unwrap();
    let (served, store) = hub("", &sum());
    let hub = Hub::new(cache.path()).with_endpoint(format!("{}/", served.url)).with_token("hf_x");
    let mut told = Vec::new();
    let mut progress = |it: Fetching<'_>| told.push((it.file.to_owned(), it.done, it.total));
    let folder = hub.fetch("org/tiny", "main", &mut progress).unwrap();

    let model = cache.path().join("models--org--tiny");
    assert_eq!(folder, model.join("snapshots").join(COMMIT));
    assert_eq!(fs::read(folder.join("config.json")).unwrap(), b"{}");
    assert_eq!(fs::read(folder.join("model.safetensors")).unwrap(), WEIGHTS_BYTES);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    assert_eq!(fs::read(model.join("blobs/abc")).unwrap(), b"{}");
    assert_eq!(fs::read_to_string(model.join("refs/main")).unwrap(), COMMIT);
    #[cfg(unix)]
    assert_eq!(
        fs::read_link(folder.join("model.safetensors")).unwrap(),
        Path::new("../../blobs").join(sum())
    );
    let size = WEIGHTS_BYTES.len() as u64;
    assert_eq!(told.last(), Some(&("model.safetensors".to_owned(), size, Some(size))));

    // The token is for the hub alone.
    assert_eq!(store.asked(), ["/store/weights"]);
    assert!(served.asked().iter().all(|asked| asked.ends_with(" token")));
    assert_eq!(hub.fetch("org/tiny", "main", &mut |_| panic!("again")).unwrap(), folder);
    assert_eq!(served.asked(), ["/api/models/org/tiny/revision/main token"]);
    assert!(!format!("{hub:?}").contains("hf_x"));
}

#[test]
fn what_was_cut_short_goes_on_where_it_ended() {
    let cache = tempfile::tempdir().unwrap();
    let (served, store) = hub("\r\nX-Cut: 11", &sum());
    let hub = Hub::new(cache.path()).with_endpoint(&served.url);
    let error = fetch(&hub, "org/tiny").unwrap_err();
    assert!(error.contains("model.safetensors that was cut short"), "{error}");
    store.asked();
    let folder = fetch(&hub, "org/tiny").unwrap();
    assert_eq!(fs::read(folder.join("model.safetensors")).unwrap(), WEIGHTS_BYTES);
    assert_eq!(store.asked(), ["/store/weights", "/store/weights from 11"]);
}

#[test]
fn what_came_damaged_is_not_kept() {
    let cache = tempfile::tempdir().unwrap();
    let other = "0".repeat(64);
    let (served, _store) = hub("", &other);
    let hub = Hub::new(cache.path()).with_endpoint(&served.url);
    let error = fetch(&hub, "org/tiny").unwrap_err();
    assert!(error.contains("model.safetensors that came damaged"), "{error}");
    let blobs = fs::read_dir(cache.path().join("models--org--tiny/blobs")).unwrap();
    let blobs: Vec<_> = blobs.map(|blob| blob.unwrap().file_name()).collect();
    assert_eq!(blobs, ["abc"]);
}

#[test]
fn without_the_hub_what_is_kept_has_to_do() {
    let cache = tempfile::tempdir().unwrap();
    let (served, _store) = hub("", &sum());
    let hub = Hub::new(cache.path()).with_endpoint(&served.url);
    let folder = fetch(&hub, "org/tiny").unwrap();
    served.asked();
    let offline = hub.with_offline(true);
    assert_eq!(fetch(&offline, "org/tiny").unwrap(), folder);
    let error = fetch(&offline, "org/other").unwrap_err();
    assert!(error.contains("org/other is not in") && error.contains("by its path"), "{error}");
    assert_eq!(served.asked(), [""; 0]);

    // Nobody listens on a port that was just given back.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = Hub::new(cache.path()).with_endpoint(format!("http://{gone}"));
    assert_eq!(fetch(&gone, "org/tiny").unwrap(), folder);
    let error = fetch(&gone, "org/other").unwrap_err();
    assert!(error.contains("is not reached; is there a network?"), "{error}");
}

#[test]
fn one_file_of_a_model_is_fetched_by_its_name() {
    let cache = tempfile::tempdir().unwrap();
    let (served, _store) = hub("", &sum());
    let hub = Hub::new(cache.path()).with_endpoint(&served.url);
    let fetch = |file: &str| hub.fetch_file("org/tiny", "main", file, &mut |_| {});
    let path = fetch("model.safetensors").unwrap();
    assert!(path.ends_with(Path::new("snapshots").join(COMMIT).join("model.safetensors")));
    assert_eq!(fs::read(&path).unwrap(), WEIGHTS_BYTES);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    let error = fetch("b.gguf").unwrap_err().to_string();
    assert!(error.ends_with("has no b.gguf; in GGUF it has none"), "{error}");
    assert!(fetch("../b.gguf").unwrap_err().to_string().contains("is no path of one"));
    let error = hub.fetch_file("org/gguf", "main", "b.gguf", &mut |_| {}).unwrap_err();
    assert!(error.to_string().ends_with("in GGUF it has a.gguf"), "{error}");

    let offline = hub.with_offline(true);
    let kept = offline.fetch_file("org/tiny", "main", "model.safetensors", &mut |_| {});
    assert_eq!(kept.unwrap(), path);
    assert!(offline.fetch_file("org/tiny", "main", "config.json", &mut |_| {}).is_err());
}

#[test]
fn what_the_hub_refuses_is_told_with_what_to_do() {
    let cache = tempfile::tempdir().unwrap();
    let (served, _store) = hub("", &sum());
    let hub = Hub::new(cache.path()).with_endpoint(&served.url);
    let says = |name: &str, part: &str| {
        let error = fetch(&hub, name).unwrap_err();
        assert!(error.contains(part), "{error}");
    };
    says("org/none", "is not on the hub; check the name");
    says("org/gated", "accept the model's terms there, and give your token");
    says("org/gguf", "has no model.safetensors; as single files in GGUF it has a.gguf");
    served.asked();
    for name in ["", "a/b/c", "../x", "a b", "org/.."] {
        says(name, "is no name of a model on the hub");
    }
    assert_eq!(served.asked(), [""; 0]);
}
