//! `@stoplight/prism-cli`, which checks each request against OpenAI's specification, values and
//! all, and its own answers too. It streams nothing.

use openai_api::{ChatBackend as _, ChatRequest, Client, Message};

use super::requests::{Fault, request_tests};

const FAULTS: &[Fault] = &[
    Fault { what: "POST /conversations/{conversation_id}/items: a", status: 422, why: PARTS },
    Fault { what: "POST /responses: a message of parts", status: 422, why: PARTS },
    Fault { what: "POST /responses: ", status: 500, why: OWN_ANSWER },
    Fault { what: "POST /responses/compact", status: 500, why: OWN_ANSWER },
    Fault { what: "GET /responses/{response_id}", status: 500, why: OWN_ANSWER },
    Fault { what: "POST /responses/{response_id}/cancel", status: 500, why: OWN_ANSWER },
    Fault {
        what: "POST /embeddings",
        status: 200,
        why: "the one number of its vectors is below the least that 32 bits can hold",
    },
    Fault {
        what: "example of POST /conversations/{conversation_id}/items",
        status: 422,
        why: PARTS,
    },
    Fault { what: "example of POST /responses: File input", status: 422, why: PARTS },
    Fault {
        what: "example of POST /responses: Image input",
        status: 422,
        why: "the example lacks `detail`, which the specification requires",
    },
    Fault {
        what: "example of POST /responses: Functions",
        status: 422,
        why: "the example lacks `strict`, which the specification requires",
    },
    Fault { what: "example of POST /responses: ", status: 500, why: OWN_ANSWER },
    Fault { what: "example of POST /responses/compact", status: 500, why: OWN_ANSWER },
];
const PARTS: &str = "a message of parts fits two variants of a `oneOf` in the specification";
const OWN_ANSWER: &str = "it accepts the request, and then finds its own answer to be no response";

request_tests!(client(), FAULTS);

#[tokio::test]
#[ignore = "`cargo xtask test` runs it, with the server that it starts"]
async fn a_request_outside_the_specification_is_refused() {
    let request = ChatRequest::new("gpt-4o", vec![Message::user("Hello")]).with_temperature(9.0);
    let err = client().complete(request).await.unwrap_err();
    assert_eq!(err.as_api().unwrap().status, 422, "{err:?}");
}

fn client() -> Client {
    super::client_of("ATTUNE_TEST_PRISM")
}
