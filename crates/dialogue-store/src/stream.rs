//! Streams over what is known already.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::dialogue::DialogueSummary;
use crate::error::Result;
use crate::store::DialogueStream;

pub(crate) fn from_vec(items: Vec<Result<DialogueSummary>>) -> DialogueStream {
    Box::pin(Items(items.into_iter()))
}

struct Items(std::vec::IntoIter<Result<DialogueSummary>>);

impl Stream for Items {
    type Item = Result<DialogueSummary>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}
