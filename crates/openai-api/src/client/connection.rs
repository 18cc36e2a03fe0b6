//! How the server is reached: proxies and certificates.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::{Proxy, Url, redirect, retry};

use crate::client::address::parse_url;
use crate::client::tls;
use crate::error::{BoxError, Error, Result};

/// What there is to say about the way to the server.
#[derive(Clone, Default)]
pub(super) struct Route {
    pub(super) proxy: ProxyChoice,
    /// Certificates to trust besides the system's, as they were given.
    pub(super) roots: Vec<Vec<u8>>,
}

/// Which proxy to go through.
#[derive(Clone, Default)]
pub(super) enum ProxyChoice {
    /// The system's, unless the server is on this machine.
    #[default]
    System,
    None,
    Url(String),
}

impl Route {
    /// What is said of a way that an HTTP client of one's own does not go.
    pub(super) fn check_unused(&self) -> Result<()> {
        let problem = "is for the HTTP client that this crate makes; set it on your own one";
        if !matches!(self.proxy, ProxyChoice::System) {
            return Err(Error::invalid("proxy", problem));
        }
        if !self.roots.is_empty() {
            return Err(Error::invalid("root certificate", problem));
        }
        Ok(())
    }

    /// The HTTP client for a server.
    pub(super) fn http_client(&self, base: &Url, connect: Duration) -> Result<reqwest::Client> {
        let broken = |source: BoxError| Error::Backend { backend: "http", source };
        let mut roots = Vec::new();
        for given in &self.roots {
            roots.extend(tls::read_roots(given)?);
        }
        let tls = tls::config(roots).map_err(|error| broken(error.into()))?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(connect)
            // Sending again is for `RetryPolicy`; reqwest would keep a copy of each request for it.
            .retry(retry::never().max_retries_per_request(0))
            // Where a request may go on to is for its sender to say.
            .redirect(redirect::Policy::none());
        let client = match &self.proxy {
            ProxyChoice::Url(url) => client.proxy(proxy(url)?),
            ProxyChoice::None => client.no_proxy(),
            // To a proxy, this machine is another.
            ProxyChoice::System if is_loopback(base) => client.no_proxy(),
            ProxyChoice::System => client,
        };
        client.build().map_err(|error| broken(error.into()))
    }
}

fn proxy(url: &str) -> Result<Proxy> {
    let url = parse_url("proxy", url, "write it like http://127.0.0.1:3128")?;
    Proxy::all(url).map_err(|error| Error::invalid("proxy", error.to_string()))
}

/// Whether a URL is one of this machine's, by its name or address alone.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_name_or_address() {
        for host in ["localhost", "LocalHost", "localhost.", "127.0.0.1", "127.8.9.1", "[::1]"] {
            for url in [format!("http://{host}"), format!("https://me@{host}:8080/v1?a=b")] {
                assert!(is_loopback(&Url::parse(&url).unwrap()), "{url}");
            }
        }
        assert!(is_loopback(&Url::parse("http://[::ffff:127.0.0.1]").unwrap()));
        for host in [
            "api.openai.com",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "128.0.0.1",
            "0.0.0.0",
            "192.168.0.1",
            "[::2]",
            "[fe80::1]",
        ] {
            let url = format!("http://{host}/localhost");
            assert!(!is_loopback(&Url::parse(&url).unwrap()), "{url}");
        }
    }
}
