//! Servers that misbehave, or merely differ, and what the client must make of them.
//!
//! Each row says which server does it and where that is known from, what the server sends and what
//! must come back; its name says the same in a sentence. [`outcome`] explains how outcomes are
//! written.

#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests may, as tests may")]

mod answers;
mod batches;
mod bodies;
mod calls;
mod chunks;
mod embeddings;
mod errors;
mod fine_tuning;
mod headers;
mod lists;
mod moderations;
mod outcome;
mod quirk;
mod responses;
mod retries;
mod streams;

use std::collections::HashSet;

/// All rows, by name.
fn all() -> impl Iterator<Item = (&'static str, quirk::Quirk)> {
    let themes = [
        answers::ROWS,
        batches::ROWS,
        calls::ROWS,
        chunks::ROWS,
        embeddings::ROWS,
        errors::ROWS,
        fine_tuning::ROWS,
        headers::ROWS,
        lists::ROWS,
        moderations::ROWS,
        responses::ROWS,
        retries::ROWS,
        streams::ROWS,
    ];
    themes.into_iter().flatten().map(|(name, row)| (*name, row()))
}

#[test]
fn there_are_at_least_60_quirks_and_each_names_its_source() {
    let mut names = HashSet::new();
    for (name, quirk) in all() {
        assert!(names.insert(name), "{name} stands in the table twice");
        assert!(!quirk.server.is_empty(), "{name} names no server");
        assert!(quirk.source.starts_with("https://"), "{name} has no source");
    }
    assert!(names.len() >= 60, "{} quirks", names.len());
}
