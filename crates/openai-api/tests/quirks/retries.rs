//! When a request is sent again, and when not.

use openai_api::testing::Reply;
use serde_json::{Value, json};

use crate::bodies::{DONE, HEL, LO, STOP, hello};
use crate::quirk::{complete, models, quirks, stream, upload};

quirks! {
    a_closed_connection_is_opened_again:
        complete("any", "https://www.rfc-editor.org/rfc/rfc9112.html#section-9.3.1")
            .replies(Reply::raw("")).says(hello()).patiently()
            .gives(r#""Hello" -> stop (3+2)"#);

    an_answer_cut_short_is_asked_for_again:
        complete("any", "https://www.rfc-editor.org/rfc/rfc9112.html#section-8")
            .replies(Reply::json(200, hello()).cut_short()).says(hello()).patiently()
            .gives(r#""Hello" -> stop (3+2)"#);

    a_busy_server_is_asked_three_times:
        complete("llama.cpp", "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md")
            .refuses(503, loading()).refuses(503, loading()).refuses(503, loading()).patiently()
            .gives(r#"after 3 attempts: 503 503/unavailable_error "Loading model", again"#);

    a_server_that_has_loaded_its_model_answers:
        complete("llama.cpp", "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md")
            .refuses(503, loading()).refuses(503, loading()).says(hello()).patiently()
            .gives(r#""Hello" -> stop (3+2)"#);

    a_request_that_came_too_slowly_is_sent_again:
        complete("OpenAI", "https://github.com/openai/openai-python#retries")
            .refuses(408, json!({})).refuses(409, json!({})).says(hello()).patiently()
            .gives(r#""Hello" -> stop (3+2)"#);

    an_overloaded_server_is_asked_again:
        complete("Anthropic", "https://docs.anthropic.com/en/api/errors")
            .refuses(529, json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}))
            .says(hello()).patiently()
            .gives(r#""Hello" -> stop (3+2)"#);

    a_page_of_a_proxy_is_waited_out:
        models("nginx", "https://nginx.org/en/docs/http/ngx_http_proxy_module.html")
            .replies(Reply::new(502, "text/html", "<html>502 Bad Gateway</html>"))
            .replies(Reply::new(504, "text/html", "<html>504 Gateway Time-out</html>"))
            .says(json!({"data": [{"id": "m"}]})).patiently()
            .gives("m");

    an_error_with_status_200_is_worth_another_try:
        complete("OpenRouter", "https://github.com/BerriAI/litellm/issues/8448")
            .says(json!({"error": {"message": "Provider returned error", "code": 429}}))
            .says(hello()).patiently()
            .gives(r#""Hello" -> stop (3+2)"#);

    a_wait_of_a_day_is_not_waited:
        complete("any", "https://github.com/openai/openai-node/pull/1841")
            .replies(slow_down("retry-after", "86400")).patiently()
            .gives(r#"429 "slow down" after 86400s, again"#);

    a_wait_of_a_day_until_a_date_is_not_waited:
        complete("any", "https://www.rfc-editor.org/rfc/rfc9110.html#section-10.2.3")
            .replies(slow_down("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")).patiently()
            .gives(r#"429 "slow down" after years, again"#);

    a_date_that_is_past_is_no_wait:
        complete("any", "https://www.rfc-editor.org/rfc/rfc9110.html#section-10.2.3")
            .replies(slow_down("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")).says(hello()).patiently()
            .gives(r#""Hello" -> stop (3+2)"#);

    a_negative_wait_is_none:
        complete("any", "https://www.rfc-editor.org/rfc/rfc9110.html#section-10.2.3")
            .replies(slow_down("retry-after", "-1")).says(hello()).patiently()
            .gives(r#""Hello" -> stop (3+2)"#);

    a_wait_in_words_is_none:
        complete("any", "https://www.rfc-editor.org/rfc/rfc9110.html#section-10.2.3")
            .replies(slow_down("retry-after", "soon")).says(hello()).patiently()
            .gives(r#""Hello" -> stop (3+2)"#);

    a_wait_in_milliseconds_goes_before_one_in_seconds:
        complete("Azure", "https://github.com/openai/openai-python/blob/main/src/openai/_base_client.py")
            .replies(slow_down("retry-after-ms", "1").with_header("retry-after", "3600"))
            .says(hello()).patiently()
            .gives(r#""Hello" -> stop (3+2)"#);

    a_servers_word_goes_before_a_status_that_is_final:
        complete("OpenAI", "https://github.com/openai/openai-python/blob/main/src/openai/_base_client.py")
            .replies(Reply::json(400, json!({})).with_header("x-should-retry", "true"))
            .says(hello()).patiently()
            .gives(r#""Hello" -> stop (3+2)"#);

    a_servers_word_goes_before_a_status_that_may_pass:
        complete("OpenAI", "https://github.com/openai/openai-python/blob/main/src/openai/_base_client.py")
            .replies(Reply::json(500, json!({"error": {"message": "broken for good"}}))
                .with_header("x-should-retry", "false")).patiently()
            .gives(r#"500 "broken for good", final"#);

    an_exhausted_quota_is_not_asked_again:
        complete("OpenAI", "https://github.com/OpenHands/OpenHands/issues/998")
            .refuses(429, json!({"error": {
                "message": "You exceeded your current quota", "type": "insufficient_quota",
                "param": null, "code": "insufficient_quota",
            }})).patiently()
            .gives("429 insufficient_quota/insufficient_quota \"You exceeded your current quota\", \
                    final");

    what_cannot_be_read_is_not_asked_again:
        complete("a captive portal", "https://www.rfc-editor.org/rfc/rfc8952.html#section-1")
            .replies(Reply::new(200, "text/html", "<html>Log in</html>")).patiently()
            .gives("could not read the chat completion: the server answered 200 OK with content \
                    type text/html; is the base URL right?: expected value, final");

    a_wait_of_a_day_is_not_slept_through_where_the_status_says_all_is_well:
        complete("OpenRouter", "https://github.com/BerriAI/litellm/issues/8448")
            .replies(Reply::json(200, json!({"error": {"code": 429, "message": "slow down"}}))
                .with_header("retry-after", "86400")).patiently()
            .gives(r#"429 429 "slow down" after 86400s, again"#);

    a_stream_that_was_refused_is_asked_for_again:
        stream("llama.cpp", "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md")
            .refuses(503, loading()).replies(Reply::events([HEL, LO, STOP, DONE])).patiently()
            .gives(r#""Hello" -> stop"#);

    a_stream_that_has_begun_is_not_asked_for_again:
        stream("any", "https://www.rfc-editor.org/rfc/rfc9112.html#section-8")
            .replies(Reply::events([HEL]).cut_short()).patiently()
            .gives(r#""Hel" then the stream ended before the answer was complete, again"#);

    a_file_is_sent_again_from_its_beginning:
        upload("any", "https://www.rfc-editor.org/rfc/rfc9110.html#section-9.2.2")
            .refuses(503, json!({})).replies(Reply::raw(""))
            .says(json!({"id": "file-1", "filename": "a.jsonl", "bytes": 3, "purpose": "fine-tune"}))
            .patiently()
            .gives(r#"file-1 "a.jsonl" 3 fine-tune"#);
}

fn loading() -> Value {
    json!({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}})
}

fn slow_down(name: &str, value: &str) -> Reply {
    Reply::json(429, json!({"error": {"message": "slow down"}})).with_header(name, value)
}
