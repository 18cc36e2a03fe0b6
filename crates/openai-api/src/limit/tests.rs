//! When requests go, by a clock that stands still but for the waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::*;
use crate::{
    ApiError, ChatAccumulator, Delta, Error, FinishReason, Message, Meta, MockChatBackend, Usage,
};

/// A backend that notes when it is asked what, takes a second for it, and answers by script.
#[derive(Debug)]
struct Server {
    start: Instant,
    asked: Mutex<Vec<(u64, String)>>,
    replies: Mutex<VecDeque<Reply>>,
    under_way: Arc<Mutex<UnderWay>>,
}

#[derive(Debug, Default)]
struct UnderWay {
    now: usize,
    most: usize,
}

/// What comes after a second; tokens as the server counts them, if it does, and its headers.
#[derive(Clone, Debug, Default)]
struct Reply {
    error: Option<(u16, Option<Duration>)>,
    tokens: Option<u64>,
    headers: Vec<(&'static str, &'static str)>,
}

impl Reply {
    fn tokens(tokens: u64) -> Self {
        Self { tokens: Some(tokens), ..Self::default() }
    }

    fn headers(headers: &[(&'static str, &'static str)]) -> Self {
        Self { headers: headers.to_vec(), ..Self::default() }
    }

    fn error(status: u16, retry_after: Option<Duration>) -> Self {
        Self { error: Some((status, retry_after)), ..Self::default() }
    }

    fn meta(&self) -> Option<Arc<Meta>> {
        let status = self.error.map_or(200, |(status, _)| status);
        (!self.headers.is_empty())
            .then(|| Arc::new(Meta::new(status, self.headers.iter().copied())))
    }

    fn usage(&self) -> Option<Usage> {
        self.tokens.map(|tokens| Usage::new(0, tokens))
    }
}

/// Counts a request while it is under way.
struct Guard(Arc<Mutex<UnderWay>>);

impl Guard {
    fn new(under_way: &Arc<Mutex<UnderWay>>) -> Self {
        let mut count = under_way.lock().unwrap();
        count.now += 1;
        count.most = count.most.max(count.now);
        Self(Arc::clone(under_way))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.lock().unwrap().now -= 1;
    }
}

impl Server {
    fn new(replies: impl IntoIterator<Item = Reply>) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            asked: Mutex::default(),
            replies: Mutex::new(replies.into_iter().collect()),
            under_way: Arc::default(),
        })
    }

    /// The seconds at which it was asked, and what.
    fn asked(&self) -> Vec<(u64, String)> {
        self.asked.lock().unwrap().clone()
    }

    /// The seconds at which it was asked.
    fn times(&self) -> Vec<u64> {
        self.asked().into_iter().map(|(at, _)| at).collect()
    }

    fn most_under_way(&self) -> usize {
        self.under_way.lock().unwrap().most
    }

    async fn reply(&self, request: &ChatRequest) -> Result<(Reply, Guard)> {
        let guard = Guard::new(&self.under_way);
        let text = request.messages.first().map(Message::text).unwrap_or_default();
        self.asked.lock().unwrap().push((self.start.elapsed().as_secs(), text));
        let reply = self.replies.lock().unwrap().pop_front().unwrap_or_default();
        sleep(Duration::from_secs(1)).await;
        match reply.error {
            None => Ok((reply, guard)),
            Some((status, retry_after)) => {
                let mut error = ApiError::new(status, "");
                error.retry_after = retry_after;
                error.meta = reply.meta();
                Err(error.into())
            }
        }
    }
}

#[async_trait]
impl ChatBackend for Server {
    async fn complete(&self, request: ChatRequest) -> Result<ChatCompletion> {
        let (reply, _guard) = self.reply(&request).await?;
        let mut completion =
            ChatCompletion::new(request.model, Message::assistant("12345678"), FinishReason::Stop);
        completion.usage = reply.usage();
        completion.meta = reply.meta();
        Ok(completion)
    }

    async fn stream(&self, request: ChatRequest) -> Result<ChatStream> {
        let (reply, guard) = self.reply(&request).await?;
        let mut chunks = Vec::new();
        for (text, finish_reason) in [("1234", None), ("5678", Some(FinishReason::Stop))] {
            let delta = Delta::text(text);
            let mut chunk = ChatChunk::new("c", request.model.clone(), delta, finish_reason);
            chunk.meta = reply.meta();
            chunks.push(chunk);
        }
        let last = json!({"choices": [], "usage": reply.usage()});
        chunks.push(serde_json::from_value(last).unwrap());
        Ok(futures_util::stream::iter(chunks)
            .map(move |chunk| {
                let _ = &guard;
                Ok(chunk)
            })
            .boxed())
    }

    async fn models(&self) -> Result<Vec<Model>> {
        Ok(Vec::new())
    }
}

/// A request of 2 tokens and those of its answer.
fn asking(name: &str, answer: u32) -> ChatRequest {
    ChatRequest::new("m", vec![Message::user(format!("{name:8}"))]).with_max_tokens(answer)
}

/// Sends so many requests of 10 tokens at once.
async fn send(limit: &Limit<Arc<Server>>, requests: usize) -> Vec<Result<ChatCompletion>> {
    join_all((0..requests).map(|_| limit.complete(asking("", 8)))).await
}

#[tokio::test(start_paused = true)]
async fn requests_by_hand_are_kept_in_any_minute() {
    let server = Server::new([]);
    let limit = Limit::new(server.clone()).with_requests_per_minute(2);
    send(&limit, 1).await;
    sleep(Duration::from_secs(29)).await;
    send(&limit, 4).await;
    assert_eq!(server.times(), [0, 30, 60, 90, 120]);
}

#[tokio::test(start_paused = true)]
async fn tokens_by_hand_are_estimated_and_then_corrected() {
    let server = Server::new([10, 4, 25].map(Reply::tokens));
    let limit = Limit::new(server.clone()).with_tokens_per_minute(20);
    // Two are let in for 10 each; after a second they have taken 14, so 6 fit in and 10 do not.
    send(&limit, 2).await;
    limit.complete(asking("", 4)).await.unwrap();
    send(&limit, 1).await;
    // The third took 25 and not 6, so the fourth waits until those are a minute old as well.
    assert_eq!(server.times(), [0, 0, 1, 61]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_counted_by_the_server_is_counted_by_what_came() {
    let server = Server::new([Reply::default(), Reply::error(400, None), Reply::error(500, None)]);
    let limit = Limit::new(server.clone()).with_tokens_per_minute(1000);
    let left = || {
        let mut state = limit.limits.admission.state();
        let (window, now) = (state.tokens.as_mut().unwrap(), Instant::now());
        (0..=1000).rev().find(|cost| window.ready_at(*cost, now) == now).unwrap()
    };
    // 2 for the question, 2 for the answer.
    limit.complete(asking("", 500)).await.unwrap();
    assert_eq!(left(), 996);
    // What was refused took nothing, what broke may have taken all.
    limit.complete(asking("", 500)).await.unwrap_err();
    assert_eq!(left(), 996);
    limit.complete(asking("", 498)).await.unwrap_err();
    assert_eq!(left(), 496);
    let mut stream = limit.stream(asking("", 400)).await.unwrap();
    assert_eq!(left(), 94);
    // One chunk came before the stream was dropped.
    stream.next().await.unwrap().unwrap();
    drop(stream);
    assert_eq!(left(), 493);
}

#[tokio::test(start_paused = true)]
async fn a_request_larger_than_the_limit_goes_when_all_is_free() {
    let server = Server::new([]);
    let limit = Limit::new(server.clone()).with_tokens_per_minute(20);
    send(&limit, 1).await;
    limit.complete(asking("large", 1_000_000)).await.unwrap();
    assert_eq!(server.times(), [0, 60]);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_so_many_are_under_way_streams_included() {
    let server = Server::new([]);
    let limit = Limit::new(server.clone()).with_concurrency(2);
    let stream = limit.stream(asking("", 8)).await.unwrap();
    send(&limit, 3).await;
    // The stream waits for its reader, so there was room for one at a time.
    assert_eq!(server.times(), [0, 1, 2, 3]);
    drop(stream);
    send(&limit, 4).await;
    assert_eq!(server.times()[4..], [4, 4, 5, 5]);
    assert_eq!(server.most_under_way(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stream_gives_its_place_back_when_it_ends() {
    let server = Server::new([Reply::tokens(7)]);
    let limit = Limit::new(server.clone()).with_concurrency(1).with_tokens_per_minute(20);
    let mut stream = limit.stream(asking("", 18)).await.unwrap();
    let mut answer = ChatAccumulator::default();
    while let Some(chunk) = stream.next().await {
        answer.push(chunk.unwrap());
    }
    assert_eq!(answer.finish().unwrap().text(), "12345678");
    // The stream is still there, but has ended.
    send(&limit, 1).await;
    assert_eq!(server.times(), [0, 1]);
    assert!(stream.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn requests_go_in_their_order_and_small_ones_do_not_overtake() {
    let server = Server::new([60, 90, 5, 5].map(Reply::tokens));
    let limit = Limit::new(server.clone()).with_tokens_per_minute(100);
    let requests = [("first", 58), ("large", 88), ("small", 3), ("other", 3)];
    join_all(requests.map(|(name, answer)| limit.complete(asking(name, answer)))).await;
    let expected = [(0, "first   "), (60, "large   "), (60, "small   "), (60, "other   ")];
    assert_eq!(server.asked(), expected.map(|(at, name)| (at, name.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn whoever_stops_waiting_gives_the_place_back() {
    let server = Server::new([]);
    let limit = Limit::new(server.clone()).with_requests_per_minute(1).with_concurrency(1);
    send(&limit, 1).await;
    let wait = Duration::from_secs(10);
    let [first, second, third] = [(); 3].map(|()| limit.complete(asking("", 8)));
    // The first is at the head of the queue, the second behind it.
    let both = async {
        tokio::join!(tokio::time::timeout(wait, first), tokio::time::timeout(2 * wait, second))
    };
    let (given_up, answered) = tokio::join!(both, third);
    assert!(given_up.0.is_err() && given_up.1.is_err());
    answered.unwrap();
    assert_eq!(server.times(), [0, 60]);
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_an_answer_frees_the_place_at_once() {
    let server = Server::new([]);
    let limit = Limit::new(server.clone()).with_concurrency(1);
    let answer = limit.complete(asking("", 8));
    tokio::time::timeout(Duration::from_millis(500), answer).await.unwrap_err();
    let start = Instant::now();
    limit.complete(asking("", 8)).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}

const NO_REQUESTS: &[(&str, &str)] = &[
    ("x-ratelimit-limit-requests", "6"),
    ("x-ratelimit-remaining-requests", "0"),
    ("x-ratelimit-reset-requests", "1m0s"),
];
const FEW_TOKENS: &[(&str, &str)] = &[
    ("x-ratelimit-limit-tokens", "60"),
    ("x-ratelimit-remaining-tokens", "5"),
    ("x-ratelimit-reset-tokens", "55s"),
];

#[tokio::test(start_paused = true)]
async fn requests_follow_what_the_server_reports() {
    let server = Server::new([Reply::headers(NO_REQUESTS)]);
    let limit = Limit::new(server.clone());
    send(&limit, 1).await;
    send(&limit, 3).await;
    // One every 10 s, counted from the report.
    assert_eq!(server.times(), [0, 11, 21, 31]);
}

#[tokio::test(start_paused = true)]
async fn tokens_follow_what_the_server_reports() {
    let server = Server::new([Reply::headers(FEW_TOKENS)]);
    let limit = Limit::new(server.clone());
    send(&limit, 1).await;
    send(&limit, 3).await;
    // 5 are left, and one comes back each second.
    assert_eq!(server.times(), [0, 6, 16, 26]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_reports_with_its_first_chunk() {
    let server = Server::new([Reply::headers(NO_REQUESTS)]);
    let limit = Limit::new(server.clone());
    let mut stream = limit.stream(asking("", 8)).await.unwrap();
    stream.next().await.unwrap().unwrap();
    send(&limit, 1).await;
    assert_eq!(server.times(), [0, 11]);
}

#[tokio::test(start_paused = true)]
async fn a_new_report_lets_the_waiting_go() {
    let all = [
        ("x-ratelimit-limit-requests", "6"),
        ("x-ratelimit-remaining-requests", "5"),
        ("x-ratelimit-reset-requests", "10s"),
    ];
    let server = Server::new([Reply::headers(NO_REQUESTS), Reply::headers(&all)]);
    let limit = Limit::new(server.clone());
    send(&limit, 1).await;
    // The second goes after 10 s, and its answer says that there is room again.
    send(&limit, 3).await;
    assert_eq!(server.times(), [0, 11, 12, 12]);
}

#[tokio::test(start_paused = true)]
async fn after_a_429_all_wait_as_long_as_the_server_asks() {
    for (asked, expected) in [(20, 21), (86_400, 61)] {
        let server = Server::new([Reply::error(429, Some(Duration::from_secs(asked)))]);
        let limit = Limit::new(server.clone());
        let error = send(&limit, 1).await.remove(0).unwrap_err();
        assert!(matches!(error, Error::Api(_)));
        send(&limit, 2).await;
        assert_eq!(server.times(), [0, expected, expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_429_reports_too() {
    let refused = Reply { headers: NO_REQUESTS.to_vec(), ..Reply::error(429, None) };
    let server = Server::new([refused]);
    let limit = Limit::new(server.clone());
    send(&limit, 1).await;
    send(&limit, 1).await;
    assert_eq!(server.times(), [0, 11]);
}

#[tokio::test(start_paused = true)]
async fn a_model_is_not_held_back_by_another() {
    let server = Server::new([Reply::headers(NO_REQUESTS)]);
    let limit = Limit::new(server.clone());
    send(&limit, 1).await;
    let other = ChatRequest::new("other", vec![Message::user("hi")]);
    limit.complete(other).await.unwrap();
    assert_eq!(server.times(), [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn models_asked_once_are_forgotten() {
    let limit = Limit::new(Server::new([]));
    for model in 0..1000 {
        limit.complete(ChatRequest::new(format!("m{model}"), Vec::new())).await.unwrap();
    }
    assert!(limit.limits.admission.state().models() <= 65);
}

#[tokio::test(start_paused = true)]
async fn clones_share_their_limits_and_models_are_not_held_back() {
    let server = Server::new([]);
    let limit = Limit::new(server.clone()).with_requests_per_minute(1);
    send(&limit, 1).await;
    let clone = limit.clone();
    clone.models().await.unwrap();
    assert_eq!(server.start.elapsed(), Duration::from_secs(1));
    send(&clone, 1).await;
    assert_eq!(server.times(), [0, 60]);
}

#[tokio::test(start_paused = true)]
async fn zero_counts_as_one() {
    let server = Server::new([]);
    let limit = Limit::new(server.clone())
        .with_requests_per_minute(0)
        .with_tokens_per_minute(0)
        .with_concurrency(0);
    send(&limit, 2).await;
    assert_eq!(server.times(), [0, 60]);
}

#[tokio::test(start_paused = true)]
async fn what_never_left_costs_nothing_after_several_attempts_too() {
    fn refused() -> Error {
        Error::Connect { url: "http://h".into(), source: "refused".into() }
    }
    fn refused_thrice() -> Error {
        Error::Exhausted { attempts: 3, source: Box::new(refused()) }
    }
    fn sealed() -> Error {
        Error::Key { refusal: None, source: "the vault is sealed".into() }
    }
    for failure in [refused, refused_thrice, sealed] {
        let mut backend = MockChatBackend::new();
        backend.expect_complete().times(2).returning(move |_| Err(failure()));
        let limit = Limit::new(backend).with_tokens_per_minute(10);
        let start = Instant::now();
        for _ in 0..2 {
            limit.complete(asking("", 8)).await.unwrap_err();
        }
        assert_eq!(start.elapsed(), Duration::ZERO, "{}", failure());
    }
}
