//! The table `[http]`.

use std::net::SocketAddr;

use std::time::Duration;

use super::address::{HostName, Network, PublicUrl};
use super::section::Section;
use super::value::{ReadKey, or_off, read_as, read_default, size, url_or_auto};

section! {
    /// The HTTP API, through which modules are uploaded and channels set up. Its first key is made by `twitchy api-key create`.
    [http] HttpConfig {
        /// The address and port where the API listens, or "off". Without a proxy in front of it that speaks https, keys would
        /// travel in plain text: leave the address on this machine.
        listen: Option<SocketAddr> as or_off = "127.0.0.1:8080",
        /// The URL by which others reach the API, such as "https://bot.example"; "auto" is http:// and the address above.
        public_url: Option<PublicUrl> as url_or_auto = "auto",
        /// Host names that a request may name, besides those of public_url, of the address above and of this machine. /healthz
        /// and /readyz answer to any name.
        hosts: Vec<HostName> = [],
        /// The proxies in front of the API, such as ["127.0.0.1"] or ["10.0.0.0/8"]. Only they may name a caller's address.
        trusted_proxies: Vec<Network> = [],
        /// The addresses that may read /metrics without a key: those from which your Prometheus asks. Others need an operator's
        /// key, which Prometheus sends with `authorization: { credentials_file: ... }`. A request that a proxy recognisably
        /// passed on needs the key, too; ops/proxy.md tells how such a request is recognised, and how to set up nginx and
        /// Caddy. Behind a proxy that cannot be told from a scraper, set this to [].
        metrics_from: Vec<Network> = ["127.0.0.0/8", "::1"],
        /// Requests that one key may make in a second.
        rate: u32 = 50,
        /// Requests that one key may make at once after a pause.
        burst: u32 = 200,
        /// Requests of one key in flight at once.
        concurrency: usize = 16,
        /// Requests that one address may make in a second without a key.
        rate_without_key: u32 = 10,
        /// Requests that one address may make at once without a key, after a pause.
        burst_without_key: u32 = 50,
        /// Connections at once.
        connections: usize = 512,
        /// The body of a request; uploads have limits of their own.
        body: usize as size = "64 KiB",
        /// The time in which the head of a request must arrive. An idle connection is closed after this time, too.
        header_within: Duration = "10s",
        /// The time in which a request must be read and answered; uploading and compiling a large module takes its time.
        request_within: Duration = "2m",
    }
}
