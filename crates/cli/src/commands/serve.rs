//! `attune serve`: OpenAI's API over the chosen backend.

use std::net::SocketAddr;

use anyhow::Result;
use serde_json::json;
use server::Server;

use crate::Outcome;
use crate::args;
use crate::context::Context;
use crate::failure::Usage;
use crate::interrupt::asked_to_end;
use crate::render::Output;

pub(crate) async fn run(context: &Context, args: args::Serve) -> Result<Outcome> {
    let output = context.output;
    let key = args.api_key.clone().map(|key| key.0).or_else(|| context.environment.api_key.clone());
    let addr = address(&args.addr).await?;
    check(addr, key.is_some(), args.allow_remote)?;

    let connection = context.connect()?;
    let mut server = Server::builder(connection.backend)
        .with_trainer(connection.trainer)
        .with_files_dir(context.in_home("files")?)
        .on_failure(move |id, cause| tell_failure(output, id, cause));
    if let Some(key) = key {
        server = server.with_api_key(key);
    }
    let bound = server.build()?.bind(addr).await?;
    let base_url = format!("http://{}/v1", bound.local_addr());
    if output.is_json() {
        output.json(&json!({"base_url": base_url}))?;
    }
    output.note(format_args!("serving {base_url}; Ctrl-C ends it"));

    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let serving = bound.serve_with_shutdown(async {
        // Either way it is time to end.
        let _ = ended.await;
    });
    tokio::pin!(serving);
    tokio::select! {
        stopped = &mut serving => {
            stopped?;
            return Ok(Outcome::Done);
        }
        asked = asked_to_end() => asked?,
    }
    output.note("ending once what is under way is answered; Ctrl-C again ends it now");
    // The receiver lives as long as `serving` does.
    let _ = end.send(());
    tokio::select! {
        stopped = serving => stopped?,
        asked = asked_to_end() => asked?,
    }
    Ok(Outcome::Done)
}

/// Takes a name as well, such as `localhost:8377`.
async fn address(text: &str) -> Result<SocketAddr> {
    let refused = |problem: &str| {
        Usage(format!("--addr {text} is no address: {problem}; write it like 127.0.0.1:8377"))
    };
    let mut found =
        tokio::net::lookup_host(text).await.map_err(|error| refused(&error.to_string()))?;
    Ok(found.next().ok_or_else(|| refused("the name has none"))?)
}

/// Whoever can reach the server can spend its time and read its files.
fn check(addr: SocketAddr, has_key: bool, allow_remote: bool) -> Result<()> {
    if addr.ip().is_loopback() || has_key || allow_remote {
        return Ok(());
    }
    let problem = format!(
        "{addr} can be reached from other machines: set --api-key or ATTUNE_API_KEY, or say \
         --allow-remote"
    );
    Err(Usage(problem).into())
}

fn tell_failure(output: Output, request_id: &str, cause: &(dyn std::error::Error + 'static)) {
    let mut told = cause.to_string();
    let mut next = cause.source();
    while let Some(cause) = next {
        told = format!("{told}: {cause}");
        next = cause.source();
    }
    output.note(format_args!("attune: request {request_id} failed: {told}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_machines_need_a_key_or_an_explicit_word() {
        let (here, everywhere) = ("127.0.0.1:0".parse().unwrap(), "0.0.0.0:0".parse().unwrap());
        check(here, false, false).unwrap();
        check("[::1]:0".parse().unwrap(), false, false).unwrap();
        assert!(check(everywhere, false, false).unwrap_err().is::<Usage>());
        check(everywhere, true, false).unwrap();
        check(everywhere, false, true).unwrap();
    }
}
