//! The seam: whatever can tell how a text sounds.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::error::Result;
use crate::score::{Sentiment, Trajectory};

/// Tells how texts sound.
///
/// An analyser is a handle: wrap it in an `Arc` and clone that. It keeps nothing of the texts.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SentimentAnalyzer: Debug + Send + Sync + 'static {
    /// Tells how `text` sounds; a text without words is neutral.
    ///
    /// # Errors
    ///
    /// Whatever keeps the analyser from telling; the ones that work by word lists never fail.
    async fn analyze(&self, text: &str) -> Result<Sentiment>;

    /// Tells how each of `texts` sounds, in their order.
    ///
    /// # Errors
    ///
    /// Those of [`analyze`](Self::analyze); one failure fails the batch.
    async fn analyze_batch(&self, texts: &[String]) -> Result<Vec<Sentiment>>;
}

/// Conveniences over any [`SentimentAnalyzer`].
pub trait SentimentAnalyzerExt: SentimentAnalyzer {
    /// Tells how `texts` sound taken together; neutral if there are none.
    ///
    /// # Errors
    ///
    /// Those of [`analyze`](SentimentAnalyzer::analyze).
    fn mean(&self, texts: &[String]) -> impl Future<Output = Result<Sentiment>> + Send {
        async { Ok(Sentiment::mean(&self.analyze_batch(texts).await?)) }
    }

    /// Tells how a dialogue goes, from text to text.
    ///
    /// # Errors
    ///
    /// Those of [`analyze`](SentimentAnalyzer::analyze).
    fn trajectory(&self, texts: &[String]) -> impl Future<Output = Result<Trajectory>> + Send {
        async { Ok(Trajectory::new(self.analyze_batch(texts).await?)) }
    }
}

impl<A: SentimentAnalyzer + ?Sized> SentimentAnalyzerExt for A {}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<A: SentimentAnalyzer + ?Sized> SentimentAnalyzer for $pointer<A> {
            async fn analyze(&self, text: &str) -> Result<Sentiment> {
                (**self).analyze(text).await
            }

            async fn analyze_batch(&self, texts: &[String]) -> Result<Vec<Sentiment>> {
                (**self).analyze_batch(texts).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
