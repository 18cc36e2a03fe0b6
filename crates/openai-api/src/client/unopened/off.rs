//! [`unopened`](crate::client::unopened) in a build without the feature `files`: every body is there
//! from the beginning.

use reqwest::header::HeaderValue;

use crate::client::body::Body;
use crate::error::Result;

#[derive(Clone)]
pub(super) enum Unopened {}

impl Unopened {
    pub(super) fn model(&self) -> Option<String> {
        match *self {}
    }

    pub(super) async fn open(self) -> Result<(HeaderValue, Body)> {
        match self {}
    }
}
