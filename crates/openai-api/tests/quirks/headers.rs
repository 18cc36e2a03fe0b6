//! HTTP itself, in forms of its own.

use openai_api::testing::Reply;
use serde_json::json;

use crate::bodies::{DONE, HEL, LO, STOP, hello};
use crate::quirk::{complete, models, quirks, stream};

quirks! {
    json_may_come_without_a_content_type:
        complete("any", "https://www.rfc-editor.org/rfc/rfc9110.html#section-8.3")
            .replies(Reply::json(200, hello()).without_content_type())
            .gives(r#""Hello" -> stop (3+2)"#);

    a_stream_may_come_as_plain_text:
        stream("any", "https://github.com/tinyhumansai/tinyagents/pull/56")
            .replies(Reply::new(200, "text/plain; charset=utf-8", [HEL, LO, STOP, DONE].concat()))
            .gives(r#""Hello" -> stop"#);

    a_charset_of_json_is_harmless:
        complete("LM Studio", "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/618")
            .replies(Reply::new(200, "Application/JSON; Charset=\"UTF-8\"", hello().to_string()))
            .gives(r#""Hello" -> stop (3+2)"#);

    a_byte_order_mark_before_json_is_skipped:
        complete("any", "https://www.rfc-editor.org/rfc/rfc8259#section-8.1")
            .replies(Reply::new(200, "application/json", format!("\u{feff}{}", hello())))
            .gives(r#""Hello" -> stop (3+2)"#);

    blank_lines_before_json_keep_the_connection_open:
        complete("DeepSeek", "https://api-docs.deepseek.com/quick_start/rate_limit")
            .replies(Reply::new(200, "application/json", "").in_pieces([
                "\n", "\n\n", "\r\n", &hello().to_string(),
            ]))
            .gives(r#""Hello" -> stop (3+2)"#);

    a_body_may_end_with_its_connection:
        complete("KoboldCpp before 1.48", "https://github.com/LostRuins/koboldcpp/pull/502")
            .replies(Reply::raw(format!(
                "HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{}", hello(),
            )))
            .gives(r#""Hello" -> stop (3+2)"#);

    a_stream_of_no_length_at_all_is_truncated:
        stream("AgentCore", "https://github.com/aws/bedrock-agentcore-sdk-typescript/issues/143")
            .replies(Reply::new(200, "text/event-stream", ""))
            .gives("the stream ended before the answer was complete, again");

    an_interim_response_is_not_the_answer:
        complete("any", "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.2")
            .replies(Reply::raw(format!(
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n\
                 HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}",
                hello().to_string().len(), hello(),
            )))
            .gives(r#""Hello" -> stop (3+2)"#);

    bytes_beyond_ascii_in_a_header_are_harmless:
        complete("any", "https://www.rfc-editor.org/rfc/rfc9110.html#section-5.5")
            .replies(Reply::raw([
                &b"HTTP/1.1 200 OK\r\nx-request-id: req_\xe9\r\nserver: Gr\xc3\xbc\xc3\x9fe\r\n\r\n"[..],
                hello().to_string().as_bytes(),
            ].concat()))
            .gives(r#""Hello" -> stop (3+2)"#);

    lines_of_the_head_may_end_in_a_line_feed_alone:
        complete("any", "https://www.rfc-editor.org/rfc/rfc9112.html#section-2.2")
            .replies(Reply::raw(format!("HTTP/1.1 200 OK\nserver: tiny\n\n{}", hello())))
            .gives(r#""Hello" -> stop (3+2)"#);

    chunks_may_have_extensions_and_trailers:
        complete("any", "https://www.rfc-editor.org/rfc/rfc9112.html#section-7.1")
            .replies(Reply::raw(format!(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                 {:X};a=b\r\n{}\r\n0\r\nx-checksum: 1\r\n\r\n",
                hello().to_string().len(), hello(),
            )))
            .gives(r#""Hello" -> stop (3+2)"#);

    another_path_is_followed_with_method_and_body:
        complete("any", "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.4.8")
            .replies(Reply::new(307, "text/html", "").with_header("location", "/v2/chat/completions"))
            .replies(Reply::new(308, "text/html", "").with_header("location", "/v3/chat/completions"))
            .says(hello())
            .gives(r#""Hello" -> stop (3+2)"#);

    an_answer_without_content_is_no_answer:
        complete("any", "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.3.5")
            .replies(Reply::raw("HTTP/1.1 204 No Content\r\n\r\n"))
            .gives("could not read the chat completion: the server answered 204 No Content with \
                    content type unknown; is the base URL right?: EOF while parsing a value, \
                    final");

    a_connection_closed_before_the_answer_can_be_tried_again:
        complete("any", "https://www.rfc-editor.org/rfc/rfc9112.html#section-9.3.1")
            .replies(Reply::raw(""))
            .gives("the connection broke, again");

    a_page_to_log_in_is_no_answer:
        complete("a captive portal", "https://www.rfc-editor.org/rfc/rfc8952.html#section-1")
            .replies(Reply::new(200, "text/html", "<html>Log in</html>"))
            .gives("could not read the chat completion: the server answered 200 OK with content \
                    type text/html; is the base URL right?: expected value, final");

    a_body_that_is_compressed_unasked_is_named_as_such:
        complete("any", "https://www.rfc-editor.org/rfc/rfc9110.html#section-8.4")
            .replies(Reply::new(200, "application/json", &b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..])
                .with_header("content-encoding", "gzip"))
            .gives("could not read the chat completion: the server answered with content encoding \
                    gzip, which was not asked for, final");

    a_stream_that_is_compressed_unasked_is_named_as_such:
        stream("any", "https://www.rfc-editor.org/rfc/rfc9110.html#section-8.4")
            .replies(Reply::new(200, "text/event-stream", &b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..])
                .with_header("content-encoding", "gzip"))
            .gives("could not read the stream: the server answered with content encoding gzip, \
                    which was not asked for, final");

    a_refusal_that_is_compressed_unasked_shows_its_status:
        complete("any", "https://www.rfc-editor.org/rfc/rfc9110.html#section-8.4")
            .replies(Reply::new(502, "text/html", &b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..])
                .with_header("content-encoding", "br"))
            .gives(r#"502 "no explanation (Bad Gateway)", again"#);

    a_connection_closed_between_two_requests_is_opened_again:
        models("any", "https://www.rfc-editor.org/rfc/rfc9112.html#section-9.5")
            .replies(Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 21\r\n\r\n{\"data\":[{\"id\":\"a\"}]}"))
            .says(json!({"data": [{"id": "b"}]}))
            .twice().patiently()
            .gives("a; b");

    a_move_that_would_lose_the_body_is_not_made:
        complete("nginx", "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.4.2")
            .replies(Reply::new(301, "text/html", "<html>301 Moved Permanently</html>")
                .with_header("location", "https://api.example.com/v1/chat/completions"))
            .gives("301 \"the server redirects to https://api.example.com/v1/chat/completions; \
                    change the base URL to match\", final");

    a_list_that_has_moved_is_fetched_there:
        models("any", "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.4.2")
            .replies(Reply::new(301, "text/html", "").with_header("location", "/v1/models/"))
            .replies(Reply::new(302, "text/html", "").with_header("location", "../v2/models"))
            .says(json!({"data": [{"id": "m"}]}))
            .gives("m");
}
