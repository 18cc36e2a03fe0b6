//! The lines of a batch's files.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::chat::ChatRequest;
use crate::error::{ApiError, Error, Misread, Result, explanation};
use crate::mend::{self, without_bom};
use crate::wire::{Field as _, wire};

wire! {
    /// A line of a batch's input file: a request and the id to know its answer by.
    pub struct BatchRequest {
        /// What its answer is known by; each one must be its own.
        pub custom_id: String = required,
        /// `POST`.
        pub method: String = required,
        /// The endpoint, such as `/v1/chat/completions`; the same in all lines.
        pub url: String = required,
        /// What would be sent to the endpoint.
        pub body: Value = required,
    }
}

impl BatchRequest {
    /// A request to any endpoint.
    pub fn new(custom_id: impl Into<String>, url: impl Into<String>, body: Value) -> Self {
        let (custom_id, url) = (custom_id.into(), url.into());
        Self { custom_id, method: "POST".to_owned(), url, body, ..Self::blank() }
    }

    /// A request for a chat completion.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] names the setting that is infinite or no number, which JSON has no
    /// words for.
    pub fn chat(custom_id: impl Into<String>, request: &ChatRequest) -> Result<Self> {
        Ok(Self::new(custom_id, "/v1/chat/completions", to_value(request)?))
    }

    /// Writes an input file: each request on a line of its own.
    ///
    /// ```
    /// use openai_api::{BatchRequest, ChatRequest, Message};
    ///
    /// let request = ChatRequest::new("gpt-4o-mini", vec![Message::user("What is a seam?")]);
    /// let file = BatchRequest::to_jsonl(&[BatchRequest::chat("q1", &request)?])?;
    /// assert!(file.starts_with(br#"{"custom_id":"q1","method":"POST","url":"/v1/chat/completions""#));
    /// assert!(file.ends_with(b"}\n"));
    /// # Ok::<(), openai_api::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] if two requests have the same id, which would leave no way to know
    /// their answers apart.
    pub fn to_jsonl(requests: &[Self]) -> Result<Vec<u8>> {
        let mut ids = std::collections::HashSet::new();
        let mut file = Vec::new();
        for request in requests {
            if !ids.insert(request.custom_id.as_str()) {
                let problem = format!("two requests have the id `{}`", request.custom_id);
                return Err(Error::invalid("custom_id", problem));
            }
            serde_json::to_writer(&mut file, request).map_err(|error| Error::no_json(&error))?;
            file.push(b'\n');
        }
        Ok(file)
    }
}

wire! {
    /// A line of a batch's output file, or of its error file.
    pub struct BatchAnswer {
        /// The id the server gave it.
        pub id: String = stated,
        /// Which request it answers.
        pub custom_id: String = required,
        /// What the endpoint answered.
        pub response: Option<BatchResponse> = stated,
        /// Why the request did not reach the endpoint, such as `batch_expired`.
        pub error: Option<BatchFailure> = stated,
    }
}

impl BatchAnswer {
    /// Reads one line.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`] if it is none.
    pub fn read(line: &[u8]) -> Result<Self> {
        mend::from_slice(line).map_err(|error| misread("line of the batch's output", &error))
    }

    /// Reads a whole file; blank lines count for nothing, and the order is the server's.
    ///
    /// ```
    /// use openai_api::{BatchAnswer, ChatCompletion};
    ///
    /// let file = br#"{"id":"1","custom_id":"q1","response":{"status_code":200,"body":{"choices":[]}}}"#;
    /// for answer in BatchAnswer::read_all(file)? {
    ///     let completion: ChatCompletion = answer.answer()?;
    ///     assert_eq!((answer.custom_id.as_str(), completion.choices.len()), ("q1", 0));
    /// }
    /// # Ok::<(), openai_api::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Decode`] if a line is none.
    pub fn read_all(file: &[u8]) -> Result<Vec<Self>> {
        let lines = without_bom(file).split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        lines.filter(|line| !line.is_empty()).map(Self::read).collect()
    }

    /// What the endpoint answered, as its type.
    ///
    /// # Errors
    ///
    /// [`Error::Api`] if the request was refused or not answered at all; the latter counts as status
    /// 408 where time ran out, as 400 where the request was at fault, and as 500 else. [`Error::Decode`] if the answer is not of this type.
    pub fn answer<T: DeserializeOwned>(&self) -> Result<T> {
        match (&self.response, &self.error) {
            (Some(response), _) if response.is_success() => {
                serde_json::from_value(response.body.clone())
                    .map_err(|error| misread("answer within the batch's output", &error))
            }
            (Some(response), _) => Err(response.refusal().into()),
            (None, Some(error)) => Err(error.to_api().into()),
            (None, None) => {
                Err(ApiError::new(500, "the batch tells neither answer nor error").into())
            }
        }
    }
}

wire! {
    /// What an endpoint answered to a request of a batch.
    pub struct BatchResponse {
        /// The HTTP status.
        pub status_code: u32 = stated,
        /// The server's id for the exchange.
        pub request_id: Option<String>,
        /// The body.
        pub body: Value = stated,
    }
}

impl BatchResponse {
    /// Some servers leave the status out where all went well.
    fn is_success(&self) -> bool {
        matches!(self.status_code, 0 | 200..=299)
    }

    fn refusal(&self) -> ApiError {
        let body = match &self.body {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            body => body.to_string(),
        };
        let status = u16::try_from(self.status_code).unwrap_or(500);
        let mut refusal = explanation::parse(status, body.as_bytes());
        refusal.request_id.clone_from(&self.request_id);
        refusal
    }
}

wire! {
    /// What went wrong with a request of a batch, or with a line of its input file.
    pub struct BatchFailure {
        /// A word for programs.
        pub code: Option<String>,
        /// What went wrong, for people.
        pub message: Option<String>,
        /// The field at fault.
        pub param: Option<String>,
        /// The line of the input file.
        pub line: Option<u64>,
    }
}

impl BatchFailure {
    fn to_api(&self) -> ApiError {
        let kind = self.extra.get("type").and_then(Value::as_str);
        let status = match (self.code.as_deref(), kind) {
            (Some("batch_expired"), _) => 408,
            (_, Some("invalid_request_error")) => 400,
            _ => 500,
        };
        let mut error = ApiError::new(status, self.message.clone().unwrap_or_default());
        error.code.clone_from(&self.code);
        error.kind = kind.map(str::to_owned);
        error.param.clone_from(&self.param);
        error
    }
}

fn to_value(request: &ChatRequest) -> Result<Value> {
    for (field, number) in [
        ("temperature", request.temperature),
        ("top_p", request.top_p),
        ("presence_penalty", request.presence_penalty),
        ("frequency_penalty", request.frequency_penalty),
    ] {
        if number.is_some_and(|number| !number.is_finite()) {
            return Err(Error::invalid(field, "must be a finite number"));
        }
    }
    // By way of a text, since a `Value` holds wider floats, in which 0.2 becomes 0.20000000298023224.
    let json = serde_json::to_vec(request).map_err(|error| Error::no_json(&error))?;
    serde_json::from_slice(&json).map_err(|error| Error::no_json(&error))
}

fn misread(what: &'static str, error: &serde_json::Error) -> Error {
    Error::Decode { what, source: Misread::new(error).into() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn two_requests_of_one_id_are_refused() {
        let request = BatchRequest::new("a", "/v1/embeddings", json!({"input": "x"}));
        let error = BatchRequest::to_jsonl(&[request.clone(), request]).unwrap_err();
        assert_eq!(error.to_string(), "custom_id: two requests have the id `a`");
    }

    #[test]
    fn what_was_not_answered_says_why() {
        let file = concat!(
            r#"{"custom_id":"a","response":{"status_code":429,"request_id":"r","body":{"error":{"message":"slow down","type":"tokens","code":null}}},"error":null}"#,
            "\r\n\n",
            r#"{"custom_id":"b","response":null,"error":{"code":"batch_expired","message":"too late"}}"#,
            "\n",
            r#"{"custom_id":"c"}"#,
            "\n",
            r#"{"custom_id":"d","response":{"body":"my secret"}}"#,
        );
        let answers = BatchAnswer::read_all(file.as_bytes()).unwrap();
        let errors: Vec<_> =
            answers.iter().map(|answer| answer.answer::<u32>().unwrap_err()).collect();
        expect_test::expect![[r#"
            the server answered 429 (tokens): slow down [request r]
            the server answered 408 (batch_expired): too late
            the server answered 500: the batch tells neither answer nor error
            could not read the answer within the batch's output"#]]
        .assert_eq(&errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
        assert!(errors[1].is_retryable());
        assert!(!format!("{:?}", errors[3]).contains("secret"));
    }

    #[test]
    fn a_refusal_is_told_in_whatever_form_it_comes() {
        let told = |status: u16, body: Value| {
            let response = json!({"status_code": status, "request_id": "r", "body": body});
            let line = json!({"custom_id": "a", "response": response}).to_string();
            let error = BatchAnswer::read(line.as_bytes()).unwrap().answer::<u32>().unwrap_err();
            error.to_string()
        };
        expect_test::expect![[r#"
            the server answered 429 (429): slow down [request r]
            the server answered 422: body.n: too many [request r]
            the server answered 400: no explanation (Bad Request) [request r]
            the server answered 500: gone [request r]
            the server answered 502: no explanation (Bad Gateway) [request r]"#]]
        .assert_eq(
            &[
                told(429, json!({"error": {"message": "slow down", "code": 429}})),
                told(422, json!({"detail": [{"loc": ["body", "n"], "msg": "too many"}]})),
                told(400, json!({"error": {}})),
                told(500, json!("gone")),
                told(502, Value::Null),
            ]
            .join("\n"),
        );
    }

    #[test]
    fn half_a_character_in_a_line_is_no_error() {
        let line = br#"{"custom_id":"a","response":{"body":"cut \ud83d"}}"#;
        let answers = BatchAnswer::read_all(line).unwrap();
        assert_eq!(answers[0].answer::<String>().unwrap(), "cut \u{fffd}");
    }

    #[test]
    fn numbers_go_into_a_line_as_they_are_sent_alone() {
        let request = ChatRequest::new("m", Vec::new()).with_temperature(0.2).with_top_p(0.9);
        let line = BatchRequest::chat("a", &request).unwrap();
        let body = r#"{"model":"m","messages":[],"temperature":0.2,"top_p":0.9}"#;
        assert_eq!(line.body.to_string(), body);
        assert_eq!(serde_json::to_string(&request).unwrap(), body);
    }

    #[test]
    fn a_number_that_json_cannot_tell_is_refused() {
        let request = || ChatRequest::new("m", Vec::new());
        for (request, field) in [
            (request().with_temperature(f32::INFINITY), "temperature"),
            (request().with_top_p(f32::NAN), "top_p"),
            (request().with_presence_penalty(f32::NEG_INFINITY), "presence_penalty"),
            (request().with_frequency_penalty(f32::NAN), "frequency_penalty"),
        ] {
            let error = BatchRequest::chat("a", &request).unwrap_err();
            assert_eq!(error.to_string(), format!("{field}: must be a finite number"));
        }
    }

    #[test]
    fn a_line_that_is_none_is_told_without_its_text() {
        let error =
            BatchAnswer::read_all(br#"{"custom_id":"a","response":"my secret"}"#).unwrap_err();
        assert!(matches!(error, Error::Decode { .. }));
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}
