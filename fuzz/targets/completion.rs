//! Whatever JSON a server sends is read or refused, and what was read is written back as it was.
//!
//! The input is one JSON document; as chunks of a stream, it is one per line.

#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use openai_api::{
    AssistantObject, ChatAccumulator, ChatChunk, ChatCompletion, ChatRequest, File,
    FineTuningEvent, FineTuningJob, Message, Model, Page,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

fuzz_target!(|json: &[u8]| {
    if let Some(completion) = read::<ChatCompletion>(json) {
        for choice in &completion.choices {
            let _ = choice.message.text();
        }
        let _ = completion.text();
    }
    read::<Message>(json);
    read::<ChatRequest>(json);
    read::<Model>(json);
    read::<Page<Model>>(json);
    read::<File>(json);
    read::<Page<File>>(json);
    read::<Page<FineTuningEvent>>(json);
    read::<AssistantObject>(json);
    if let Some(job) = read::<FineTuningJob>(json) {
        let _ = job.failure();
        let _ = job.status.is_terminal();
    }

    let mut answer = ChatAccumulator::default();
    for line in json.split(|byte| *byte == b'\n') {
        if let Some(chunk) = read::<ChatChunk>(line) {
            answer.push(chunk);
        }
    }
    if let Ok(completion) = answer.finish() {
        check_round_trip(&completion);
    }
});

fn read<T: Serialize + DeserializeOwned + PartialEq + Debug>(json: &[u8]) -> Option<T> {
    let value = serde_json::from_slice(json).ok()?;
    check_round_trip(&value);
    Some(value)
}

fn check_round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let written = serde_json::to_string(value).expect("what was read can be written");
    let read: T = serde_json::from_str(&written).expect("what was written can be read");
    assert_eq!(&read, value, "{written}");
}
