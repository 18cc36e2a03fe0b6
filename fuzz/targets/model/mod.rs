//! A small model in a folder, one of whose files is put to the test.

#![allow(dead_code, reason = "each target has a use for one of these")]

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use local_engine::Engine;
use openai_api::{ChatBackend as _, ChatRequest, Message};
use tokio::runtime::{Builder, Runtime};

/// The files of the model, and what is in them.
const FILES: [(&str, &[u8]); 4] = [
    ("config.json", include_bytes!("../../model/config.json")),
    ("model.safetensors", include_bytes!("../../model/model.safetensors")),
    ("tokenizer.json", include_bytes!("../../model/tokenizer.json")),
    ("tokenizer_config.json", include_bytes!("../../model/tokenizer_config.json")),
];

/// Puts `bytes` in the place of one file, and asks the model for a token if it can be added.
pub fn check(file: &str, bytes: &[u8]) {
    check_in(|folder| {
        for (name, content) in FILES {
            fs::write(folder.join(name), if name == file { bytes } else { content }).unwrap();
        }
        folder.to_owned()
    });
}

/// Asks the model that `place` writes for a token, if it can be added.
pub fn check_in(place: impl FnOnce(&Path) -> PathBuf) {
    let home = tempfile::tempdir_in(scratch()).unwrap();
    let folder = home.path().join("elsewhere");
    fs::create_dir(&folder).unwrap();
    let path = place(&folder);
    let engine = Engine::open(home.path()).unwrap();
    if engine.add_model(&path, &"it".into()).is_ok() {
        let asked = vec![Message::system("Be kind."), Message::user("Why?")];
        let request = ChatRequest::new("it", asked).with_max_tokens(1);
        RUNTIME.with_borrow(|runtime| drop(runtime.block_on(engine.complete(request))));
    }
}

/// In memory where there is such a folder.
fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

thread_local! {
    static RUNTIME: RefCell<Runtime> =
        RefCell::new(Builder::new_current_thread().enable_time().build().unwrap());
}
