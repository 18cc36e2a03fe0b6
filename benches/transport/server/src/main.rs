//! The server that all clients talk to: fixed answers, made before the first request.
//!
//! It prints its address and serves until its input ends. The first piece of the path names the
//! form of the answer, so that a base URL chooses it: `http://127.0.0.1:PORT/packed/v1`.

mod answers;
mod connection;

use std::io::Read as _;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::answers::Answers;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("http://{}", listener.local_addr()?);
        // Whoever started it holds the other end: when that process is gone, so is this one.
        std::thread::spawn(|| {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            std::process::exit(0);
        });
        let answers = Arc::new(Answers::new());
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let answers = Arc::clone(&answers);
            tokio::spawn(async move {
                if let Err(error) = connection::serve(stream, &answers).await {
                    eprintln!("server: {error:#}");
                }
            });
        }
    })
}
