//! What servers mean when they say it in words of their own.

use crate::error::{ApiError, CONTEXT_LENGTH_EXCEEDED, MODEL_NOT_FOUND};

pub(super) fn is_context_length_exceeded(error: &ApiError) -> bool {
    // vLLM and most others say it in words, llama.cpp by its type.
    let says_so = || {
        let message = error.message.to_ascii_lowercase();
        TOO_LONG.iter().any(|it| message.contains(it))
    };
    error.code.as_deref() == Some(CONTEXT_LENGTH_EXCEEDED)
        || error.kind.as_deref() == Some("exceed_context_size_error")
        || (matches!(error.status, 400 | 413 | 422) && says_so())
}

pub(super) fn is_model_not_found(error: &ApiError) -> bool {
    // vLLM and Ollama say it in words alone.
    let says_so = || error.message.to_lowercase().contains("model");
    matches!(error.code.as_deref(), Some(MODEL_NOT_FOUND | DEPLOYMENT_NOT_FOUND))
        || (error.status == 404 && (error.param.as_deref() == Some("model") || says_so()))
}

pub(super) fn is_fine_tuning_closed(error: &ApiError) -> bool {
    let says_so = || {
        let message = error.message.to_ascii_lowercase();
        message.contains("fine-tuning") && CLOSED.iter().any(|it| message.contains(it))
    };
    error.code.as_deref() == Some("training_not_available")
        || ((400..500).contains(&error.status) && says_so())
}

/// The field of the request that the server does not support.
#[inline]
pub(super) fn unsupported_param(error: &ApiError) -> Option<&str> {
    if !matches!(error.status, 400 | 422) {
        return None;
    }
    // ASCII alone changes its case, so places in the one text are places in the other.
    let lower = error.message.to_ascii_lowercase();
    let says_so = |param: &str| {
        lower.contains(&param.to_ascii_lowercase())
            && UNSUPPORTED.iter().any(|it| lower.contains(it))
    };
    let by_code = error.code.as_deref().is_some_and(|code| UNSUPPORTED_CODES.contains(&code));
    match error.param.as_deref() {
        Some(param) if by_code || says_so(param) => Some(param),
        _ => named(&error.message, &lower),
    }
}

/// The field that a message names where it says that something is not supported.
#[inline]
fn named<'m>(message: &'m str, lower: &str) -> Option<&'m str> {
    let after = BEFORE_NAME.iter().find_map(|words| {
        let rest = &message[lower.find(words)? + words.len()..];
        let rest = rest.trim_start_matches(|c: char| c == ' ' || is_quote(c));
        rest.split(|c| !is_of_name(c)).next().map(|name| name.trim_end_matches('.'))
    });
    let before = || {
        AFTER_NAME.iter().find_map(|words| {
            let rest = &message[..lower.find(words)?];
            let bare = rest.trim_end_matches(is_quote);
            // Without quotes it might be any word, save where `FastAPI` gives the place.
            let is_field = bare.len() < rest.len() || words.starts_with(':');
            let name = bare.rsplit(|c| !is_of_name(c) || c == '.').next();
            name.filter(|_| is_field)
        })
    };
    after.filter(|name| !name.is_empty()).or_else(before).filter(|name| !name.is_empty())
}

fn is_quote(c: char) -> bool {
    matches!(c, '\'' | '"' | '`')
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.')
}

/// What to do when a server trains no more; dates by
/// <https://developers.openai.com/api/docs/deprecations>.
pub(super) const FINE_TUNING_CLOSED: &str = "OpenAI winds fine-tuning down: new jobs are closed to \
    newcomers since 2026-05-07, to whoever does not use a fine-tuned model since 2026-07-02, and to \
    everyone on 2027-01-06; gpt-4o and gpt-4.1 snapshots end on 2027-01-14, and their fine-tunes with \
    them; train in this process with attune's local trainer, or set the base URL to another host of \
    the same API, such as Azure OpenAI, Nebius or Mistral";
const CLOSED: &[&str] = &[
    "winding down",
    "no longer able to create",
    "no longer available",
    "no longer accessible",
    "no longer supported",
];
/// Azure's code: there a model is asked by the name of its deployment.
const DEPLOYMENT_NOT_FOUND: &str = "DeploymentNotFound";
const TOO_LONG: &[&str] = &[
    "context length",
    "context window",
    "context size",
    // Anthropic, Google, Hugging Face, xAI.
    "prompt is too long",
    "input token count",
    "`inputs` tokens + `max_new_tokens` must be <=",
    "maximum prompt length",
];
const UNSUPPORTED_CODES: &[&str] =
    &["unsupported_parameter", "unsupported_value", "unknown_parameter"];
const UNSUPPORTED: &[&str] = &["unsupported", "not supported", "does not support", "not permitted"];
const BEFORE_NAME: &[&str] = &[
    "unsupported parameter:",
    "unsupported value:",
    "unknown parameter:",
    "unrecognized request argument supplied:",
    "does not support parameter ",
];
const AFTER_NAME: &[&str] = &[
    " is not supported",
    " is unsupported",
    ": extra inputs are not permitted",
    ": extra fields not permitted",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn error(status: u16, code: &str, param: &str, message: &str) -> Error {
        let mut error = ApiError::new(status, message);
        error.code = Some(code.to_owned()).filter(|code| !code.is_empty());
        error.param = Some(param.to_owned()).filter(|param| !param.is_empty());
        error.into()
    }

    #[test]
    fn a_model_that_is_not_found_is_known_by_code_param_or_words() {
        let check = |error: ApiError| Error::from(error).is_model_not_found();
        assert!(check(ApiError::model_not_found("m")));
        assert!(check(ApiError::new(400, "m").with_code("model_not_found")));
        assert!(check(ApiError::new(404, "no m").with_param("model")));
        assert!(check(ApiError::new(404, "no such deployment").with_code("DeploymentNotFound")));
        assert!(check(ApiError::new(404, "The model `m` does not exist.").with_code("404")));
        assert!(!check(ApiError::new(404, "Not Found")));
        assert!(!check(ApiError::new(400, "the model is too small")));
    }

    /// The refusal as OpenAI words it since 2026-05-07.
    const WINDING_DOWN: &str = "OpenAI is winding down the fine-tuning platform and your \
         organization is no longer able to create new fine-tuning training jobs.";

    #[test]
    fn fine_tuning_that_was_closed_is_known_by_code_or_words() {
        for (error, expected) in [
            (error(403, "training_not_available", "", WINDING_DOWN), true),
            (error(403, "training_not_available", "", "no"), true),
            // Proxies keep the words and lose the rest.
            (error(400, "", "", WINDING_DOWN), true),
            (error(404, "", "", "Fine-tuning is no longer available."), true),
            (error(400, "", "", "fine-tuning of `m` failed: line 3 is no JSON"), false),
            (error(403, "", "", "the model is no longer available"), false),
            (error(503, "", "", "fine-tuning is no longer available today"), false),
            (Error::Truncated, false),
        ] {
            assert_eq!(error.is_fine_tuning_closed(), expected, "{error}");
            assert_eq!(error.hint().is_some(), expected);
        }
    }

    #[test]
    fn a_conversation_that_is_too_long_is_known_by_code_type_or_words() {
        let vllm = "This model's maximum context length is 4096 tokens. However, you requested 5012 \
                    tokens (4500 in the messages, 512 in the completion).";
        let llama_cpp = "the request exceeds the available context size, try increasing it";
        for (error, expected) in [
            (ApiError::context_length_exceeded(1, 2), true),
            (ApiError::new(400, vllm).with_code("400").with_kind("BadRequestError"), true),
            (ApiError::new(400, llama_cpp).with_kind("exceed_context_size_error"), true),
            (ApiError::new(500, "too long").with_kind("exceed_context_size_error"), true),
            (ApiError::new(400, "Input is longer than the Context Window"), true),
            (ApiError::new(413, "the context size is 512"), true),
            (ApiError::new(400, "prompt is too long: 200082 tokens > 200000 maximum"), true),
            (
                ApiError::new(
                    422,
                    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048.",
                ),
                true,
            ),
            (ApiError::new(500, "could not allocate the context window"), false),
            (ApiError::new(400, "the context is not an object"), false),
            (ApiError::new(413, "Payload Too Large"), false),
        ] {
            let error = Error::from(error);
            assert_eq!(error.is_context_length_exceeded(), expected, "{error}");
        }
    }

    #[test]
    fn a_field_that_is_not_supported_is_known_by_code_or_words() {
        let max_tokens = "Unsupported parameter: 'max_tokens' is not supported with this model. \
                          Use 'max_completion_tokens' instead.";
        let temperature = "Unsupported value: 'temperature' does not support 0 with this model. \
                           Only the default (1) value is supported.";
        let unsupported = "unsupported_parameter";
        for (error, expected) in [
            (error(400, unsupported, "max_tokens", max_tokens), Some("max_tokens")),
            (error(400, "unsupported_value", "temperature", temperature), Some("temperature")),
            // Proxies keep the words and lose the rest.
            (error(400, "", "", max_tokens), Some("max_tokens")),
            (error(400, "400", "", temperature), Some("temperature")),
            (error(400, unsupported, "top_p", "no"), Some("top_p")),
            (error(400, unsupported, "", "no"), None),
            (
                error(400, "", "", "Unrecognized request argument supplied: max_completion_tokens"),
                Some("max_completion_tokens"),
            ),
            (error(400, "unknown_parameter", "seed", "Unknown parameter: 'seed'."), Some("seed")),
            (error(400, "", "", "Unknown parameter: seed."), Some("seed")),
            (
                error(422, "", "", "body.max_completion_tokens: Extra inputs are not permitted"),
                Some("max_completion_tokens"),
            ),
            (error(422, "", "", "seed: extra fields not permitted; n: wrong"), Some("seed")),
            (error(400, "", "", "`temperature` is not supported here"), Some("temperature")),
            (
                error(400, "", "temperature", "this model does not support temperature"),
                Some("temperature"),
            ),
            (
                error(400, "", "", "the model does not support parameter presencePenalty."),
                Some("presencePenalty"),
            ),
            // A value that is wrong is not a field that is not supported.
            (
                error(
                    400,
                    "decimal_above_max_value",
                    "temperature",
                    "Invalid 'temperature': decimal above maximum value. Expected a value <= 2.",
                ),
                None,
            ),
            (error(400, "", "", "this is not supported"), None),
            (error(400, "", "", "unsupported value for a role"), None),
            (error(400, "", "", "Unsupported parameter: "), None),
            (error(400, "", "", "'' is not supported"), None),
            (error(404, unsupported, "max_tokens", max_tokens), None),
            (error(500, unsupported, "max_tokens", max_tokens), None),
            (Error::Truncated, None),
        ] {
            assert_eq!(error.unsupported_param(), expected, "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_words_make_looking_for_a_name_panic(start: String, end: String, which: usize) {
            let words: Vec<_> = BEFORE_NAME.iter().chain(AFTER_NAME).collect();
            let message = format!("{start}{}{end}", words[which % words.len()]);
            if let Some(name) = error(400, "", "", &message).unsupported_param() {
                proptest::prop_assert!(!name.is_empty() && message.contains(name));
            }
        }
    }
}
