//! vLLM: adapters are loaded into a server that runs.
//!
//! The endpoints are those of its page on LoRA adapters (`docs/features/lora.md`); a server has them
//! if it was started with `--enable-lora` and `VLLM_ALLOW_RUNTIME_LORA_UPDATING=True`.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use openai_api::{ChatBackend as _, Client};
use serde_json::json;

/// Has a server load the adapter in a folder, which the server must see under this path.
pub(super) async fn load(client: &Client, name: &str, path: &Path, replace: bool) -> Result<()> {
    let models = client.models().await;
    let models = models.context("the server lists no models; vLLM's --url ends with /v1")?;
    let is_there = models.iter().any(|model| model.id.as_str() == name);
    if is_there && !replace {
        bail!("the server has a model {name} already; --replace puts this one in its place");
    }
    if is_there {
        let unload = client.post("unload_lora_adapter").json(&json!({"lora_name": name}));
        told(unload.bytes().await.map(drop), "could not take the old adapter away")?;
    }
    let load = json!({"lora_name": name, "lora_path": path});
    let loaded = client.post("load_lora_adapter").json(&load).bytes().await.map(drop);
    let gone = if is_there { ", and the one before was taken away" } else { "" };
    let failed = format!(
        "the server did not load the adapter{gone}; it must see {} under that path (--seen-as names \
         another)",
        path.display()
    );
    told(loaded, &failed)
}

/// Says what to do where the server has no such endpoint.
fn told(done: openai_api::Result<()>, failed: &str) -> Result<()> {
    let Err(error) = done else { return Ok(()) };
    // vLLM answers 404 to an adapter that it does not find, too, and then says so.
    let has_endpoint = error
        .as_api()
        .is_none_or(|api| !matches!(api.status, 404 | 405) || api.message.contains("adapter"));
    let failed = match has_endpoint {
        false => {
            "the server loads no adapters; start vLLM with --enable-lora, and with \
             VLLM_ALLOW_RUNTIME_LORA_UPDATING=True in its environment"
        }
        true => failed,
    };
    Err(error).with_context(|| failed.to_owned())
}

#[cfg(test)]
mod tests {
    use openai_api::RetryPolicy;
    use openai_api::testing::{Reply, ScriptedServer};

    use super::*;

    /// Loads an adapter at a server that has one model; what it was asked for, and what came of it.
    async fn loaded(served: &str, replace: bool, replies: Vec<Reply>) -> (Vec<String>, Result<()>) {
        let models = json!({"object": "list", "data": [{"id": served, "object": "model"}]});
        let replies = [Reply::json(200, models)].into_iter().chain(replies);
        let server = ScriptedServer::start(replies).await.unwrap();
        let client = Client::builder().base_url(server.url()).retry(RetryPolicy::never());
        let client = client.build().unwrap();
        let done = load(&client, "ft:tiny", Path::new("/models/ft~tiny"), replace).await;
        let asked = server.requests();
        let asked = asked.iter().map(|it| format!("{} {} {}", it.method, it.path(), it.text()));
        (asked.collect(), done)
    }

    fn done() -> Reply {
        Reply::new(200, "text/plain", "Success: LoRA adapter 'ft:tiny' added successfully.")
    }

    const LOAD: &str =
        r#"POST /v1/load_lora_adapter {"lora_name":"ft:tiny","lora_path":"/models/ft~tiny"}"#;
    const UNLOAD: &str = r#"POST /v1/unload_lora_adapter {"lora_name":"ft:tiny"}"#;

    #[tokio::test]
    async fn an_adapter_is_loaded_by_its_path() {
        let (asked, result) = loaded("tiny", false, vec![done()]).await;
        result.unwrap();
        assert_eq!(asked, ["GET /v1/models ", LOAD]);
    }

    #[tokio::test]
    async fn one_that_is_there_is_taken_away_first_if_that_is_asked_for() {
        let (asked, result) = loaded("ft:tiny", false, vec![]).await;
        assert!(result.unwrap_err().to_string().contains("--replace"));
        assert_eq!(asked.len(), 1);
        let (asked, result) = loaded("ft:tiny", true, vec![done(), done()]).await;
        result.unwrap();
        assert_eq!(asked, ["GET /v1/models ", UNLOAD, LOAD]);
    }

    #[tokio::test]
    async fn a_refusal_says_what_the_server_said_and_what_to_do() {
        let refused = json!({"object": "error", "message": "No adapter found for /models/ft~tiny",
                             "type": "NotFoundError", "code": 404});
        let (_, result) = loaded("tiny", false, vec![Reply::json(404, refused)]).await;
        let told = crate::failure::chain(&result.unwrap_err());
        assert!(told.contains("must see /models/ft~tiny"), "{told}");
        assert!(told.contains("No adapter found for /models/ft~tiny"), "{told}");
        let unknown = Reply::json(404, json!({"detail": "Not Found"}));
        let (_, result) = loaded("tiny", false, vec![unknown]).await;
        let told = result.unwrap_err().to_string();
        assert!(told.contains("VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"), "{told}");
    }
}
