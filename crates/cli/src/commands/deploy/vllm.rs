//! vLLM: adapters are loaded into a server that runs.
//!
//! The endpoints are those of its page on LoRA adapters (`docs/features/lora.md`); a server has them
//! if it was started with `--enable-lora` and `VLLM_ALLOW_RUNTIME_LORA_UPDATING=True`.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use openai_api::{ChatBackend as _, Client};
use serde_json::json;

/// Has a server load the adapter in a folder, which the server must see under this path.
///
/// One of that name is replaced only if this one can be loaded. A server that knows `load_inplace`
/// is never without one; another has this one under a second name while it has none of that name,
/// and keeps it so if it cannot load it once more. What is returned is the name that it is served by
/// besides, if the server did not give that up.
pub(super) async fn load(
    client: &Client,
    name: &str,
    path: &Path,
    replace: bool,
) -> Result<Option<String>> {
    let names = served(client).await;
    let names = names.context("the server lists no models; vLLM's --url ends with /v1")?;
    let server = Server { client, path };
    if !has(&names, name) {
        told(server.load(name, false).await, &server.failed())?;
        return Ok(None);
    }
    if !replace {
        bail!("the server has a model {name} already; --replace puts this one in its place");
    }
    let outcome = match server.load(name, true).await {
        // Older versions do not know of `load_inplace`, and say that the name is taken.
        Err(error) if is_taken(&error) => server.exchange(name, &names).await,
        outcome => told(outcome, &server.failed()).map(|()| None),
    };
    let error = match outcome {
        Ok(besides) => return Ok(besides),
        Err(error) => error,
    };
    let now = match served(client).await {
        Ok(names) if has(&names, name) => format!("{name} is still served"),
        Ok(_) => format!("nothing is served as {name} now"),
        Err(_) => format!("the server does not say whether {name} is served now"),
    };
    Err(error.context(now))
}

/// The names of the models that a server has.
async fn served(client: &Client) -> openai_api::Result<Vec<String>> {
    Ok(client.models().await?.into_iter().map(|model| model.id.to_string()).collect())
}

fn has(names: &[String], name: &str) -> bool {
    names.iter().any(|served| served == name)
}

/// Where an adapter is to be loaded, and from where.
struct Server<'a> {
    client: &'a Client,
    path: &'a Path,
}

impl Server<'_> {
    async fn load(&self, name: &str, in_place: bool) -> openai_api::Result<()> {
        let mut body = json!({"lora_name": name, "lora_path": self.path});
        if in_place {
            body["load_inplace"] = true.into();
        }
        self.client.post("load_lora_adapter").json(&body).bytes().await.map(drop)
    }

    async fn unload(&self, name: &str) -> openai_api::Result<()> {
        let body = json!({"lora_name": name});
        self.client.post("unload_lora_adapter").json(&body).bytes().await.map(drop)
    }

    /// Puts the adapter in the place of another in steps: it is loaded by another name first.
    ///
    /// From when the old one is taken away until this one has its name, nothing is served by that
    /// name: such a server knows no way to rename.
    async fn exchange(&self, name: &str, names: &[String]) -> Result<Option<String>> {
        let mut next = format!("{name}-next");
        while names.contains(&next) {
            next.push_str("-next");
        }
        told(self.load(&next, false).await, &self.failed())?;
        if let Err(error) = self.unload(name).await {
            // The answer may have been lost though the old one is gone, and then this one is all
            // that there is. Beside the old one it is of no use. What failed first is told.
            let is_served = served(self.client).await.is_ok_and(|names| has(&names, name));
            let mut failed = "the server did not take the old adapter away".to_owned();
            if !is_served || self.unload(&next).await.is_err() {
                failed.push_str(&format!("; the new one is served as {next}"));
            }
            return Err(error).context(failed);
        }
        let failed =
            format!("the server did not load the adapter once more; it is served as {next}");
        told(self.load(name, false).await, &failed)?;
        Ok(self.unload(&next).await.err().map(|_| next))
    }

    fn failed(&self) -> String {
        format!(
            "the server did not load the adapter; it must see {} under that path (--seen-as names \
             another)",
            self.path.display()
        )
    }
}

/// Whether a server refuses to load an adapter because it has one of that name.
fn is_taken(error: &openai_api::Error) -> bool {
    error
        .as_api()
        .is_some_and(|api| api.status == 400 && api.message.contains("already been loaded"))
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

    fn models(served: &[&str]) -> Reply {
        let models: Vec<_> = served.iter().map(|id| json!({"id": id, "object": "model"})).collect();
        Reply::json(200, json!({"object": "list", "data": models}))
    }

    /// Loads an adapter at a server that has one model; what it was asked for, and what came of it.
    async fn loaded(
        served: &str,
        replace: bool,
        replies: Vec<Reply>,
    ) -> (Vec<String>, Result<Option<String>>) {
        let replies = [models(&["tiny", served])].into_iter().chain(replies);
        let server = ScriptedServer::start(replies).await.unwrap();
        let client = Client::builder().base_url(server.url()).retry(RetryPolicy::never());
        let client = client.build().unwrap();
        let done = load(&client, "ft:tiny", Path::new("/models/ft~tiny"), replace).await;
        let asked = server.requests();
        let asked = asked.iter().map(|it| format!("{} {} {}", it.method, it.path(), it.text()));
        (asked.collect(), done)
    }

    /// Replaces an adapter, which fails; what is told.
    async fn refused(replies: Vec<Reply>) -> (Vec<String>, String) {
        let (asked, result) = loaded("ft:tiny", true, replies).await;
        (asked, crate::failure::chain(&result.unwrap_err()))
    }

    fn taken() -> Reply {
        let message = "The lora adapter 'ft:tiny' has already been loaded.";
        Reply::json(400, json!({"object": "error", "message": message, "code": 400}))
    }

    fn broken() -> Reply {
        let message = "Call to add_lora method failed: rank 64 is greater than max_lora_rank 16";
        Reply::json(500, json!({"object": "error", "message": message, "code": 500}))
    }

    fn done() -> Reply {
        Reply::new(200, "text/plain", "Success: LoRA adapter 'ft:tiny' added successfully.")
    }

    const LOAD: &str =
        r#"POST /v1/load_lora_adapter {"lora_name":"ft:tiny","lora_path":"/models/ft~tiny"}"#;
    const IN_PLACE: &str = r#"POST /v1/load_lora_adapter {"lora_name":"ft:tiny","lora_path":"/models/ft~tiny","load_inplace":true}"#;
    const NEXT: &str =
        r#"POST /v1/load_lora_adapter {"lora_name":"ft:tiny-next","lora_path":"/models/ft~tiny"}"#;
    const UNLOAD: &str = r#"POST /v1/unload_lora_adapter {"lora_name":"ft:tiny"}"#;
    const UNLOAD_NEXT: &str = r#"POST /v1/unload_lora_adapter {"lora_name":"ft:tiny-next"}"#;
    const MODELS: &str = "GET /v1/models ";

    #[tokio::test]
    async fn an_adapter_is_loaded_by_its_path() {
        let (asked, result) = loaded("other", false, vec![done()]).await;
        result.unwrap();
        assert_eq!(asked, [MODELS, LOAD]);
    }

    #[tokio::test]
    async fn one_that_is_there_is_replaced_in_its_place_if_that_is_asked_for() {
        let (asked, result) = loaded("ft:tiny", false, vec![]).await;
        assert!(result.unwrap_err().to_string().contains("--replace"));
        assert_eq!(asked.len(), 1);
        let (asked, result) = loaded("ft:tiny", true, vec![done()]).await;
        result.unwrap();
        assert_eq!(asked, [MODELS, IN_PLACE]);
    }

    #[tokio::test]
    async fn a_server_that_cannot_do_that_loads_the_new_one_before_it_drops_the_old() {
        let replies = vec![taken(), done(), done(), done(), done()];
        let (asked, result) = loaded("ft:tiny", true, replies).await;
        assert_eq!(result.unwrap(), None);
        assert_eq!(asked, [MODELS, IN_PLACE, NEXT, UNLOAD, LOAD, UNLOAD_NEXT]);
        let replies = vec![taken(), done(), done(), done(), broken()];
        let (_, result) = loaded("ft:tiny", true, replies).await;
        assert_eq!(result.unwrap().as_deref(), Some("ft:tiny-next"));
    }

    #[tokio::test]
    async fn one_that_cannot_be_loaded_leaves_the_old_one_served() {
        let (asked, told) = refused(vec![broken(), models(&["tiny", "ft:tiny"])]).await;
        assert_eq!(asked, [MODELS, IN_PLACE, MODELS]);
        assert!(told.starts_with("ft:tiny is still served: "), "{told}");
        assert!(told.contains("max_lora_rank 16"), "{told}");
        let (asked, told) = refused(vec![taken(), broken(), models(&["tiny", "ft:tiny"])]).await;
        assert_eq!(asked, [MODELS, IN_PLACE, NEXT, MODELS]);
        assert!(told.starts_with("ft:tiny is still served: "), "{told}");
        let still = || models(&["tiny", "ft:tiny"]);
        let replies = vec![taken(), done(), broken(), still(), done(), still()];
        let (asked, told) = refused(replies).await;
        assert_eq!(asked, [MODELS, IN_PLACE, NEXT, UNLOAD, MODELS, UNLOAD_NEXT, MODELS]);
        assert!(told.contains("did not take the old adapter away: "), "{told}");
    }

    #[tokio::test]
    async fn the_new_one_stays_if_the_old_one_went_though_the_server_said_otherwise() {
        let gone = || models(&["tiny", "ft:tiny-next"]);
        let replies = vec![taken(), done(), broken(), gone(), gone()];
        let (asked, told) = refused(replies).await;
        assert_eq!(asked, [MODELS, IN_PLACE, NEXT, UNLOAD, MODELS, MODELS]);
        assert!(told.starts_with("nothing is served as ft:tiny now: "), "{told}");
        assert!(told.contains("the new one is served as ft:tiny-next"), "{told}");
    }

    #[tokio::test]
    async fn it_is_told_what_is_served_when_an_exchange_breaks_off() {
        let replies = vec![taken(), done(), done(), broken(), models(&["tiny", "ft:tiny-next"])];
        let (asked, told) = refused(replies).await;
        assert_eq!(asked, [MODELS, IN_PLACE, NEXT, UNLOAD, LOAD, MODELS]);
        assert!(told.starts_with("nothing is served as ft:tiny now: "), "{told}");
        assert!(told.contains("it is served as ft:tiny-next"), "{told}");
    }

    #[tokio::test]
    async fn a_refusal_says_what_the_server_said_and_what_to_do() {
        let refused = json!({"object": "error", "message": "No adapter found for /models/ft~tiny",
                             "type": "NotFoundError", "code": 404});
        let (_, result) = loaded("other", false, vec![Reply::json(404, refused)]).await;
        let told = crate::failure::chain(&result.unwrap_err());
        assert!(told.contains("must see /models/ft~tiny"), "{told}");
        assert!(told.contains("No adapter found for /models/ft~tiny"), "{told}");
        let unknown = Reply::json(404, json!({"detail": "Not Found"}));
        let (_, result) = loaded("other", false, vec![unknown]).await;
        let told = result.unwrap_err().to_string();
        assert!(told.contains("VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"), "{told}");
    }
}
