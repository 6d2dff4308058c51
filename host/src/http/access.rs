//! The table: which endpoint is open to whom. What is not listed is denied.

use crate::domain::id::ChannelId;

use super::principal::Principal;

/// An endpoint, and whom it is open to.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub method: &'static str,
    /// As the router has it; `{channel}` is a channel's id.
    pub path: &'static str,
    open_to: [bool; 5],
}

/// As whom a request comes, in the order of the table's columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Without a key.
    Nobody,
    Operator,
    /// With a key of the channel in the path, or, where no channel is in it, of any channel.
    OwnChannel,
    /// With a key of another channel, or logged in as the creator of another one.
    OtherChannel,
    /// Logged in as the creator of the channel in the path, or, where no channel is in it, of any. Nobody is the operator by
    /// a session.
    Session,
}

/// The one path that needs no key either where the request comes from an address of `[http] metrics_from`.
pub(super) const METRICS: &str = "/metrics";
/// Leads a browser to the documentation.
pub(super) const ROOT: &str = "/";
/// Asked by load balancers and container platforms, which name the machine's address as the Host, or send none.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];
/// Not in the OpenAPI document, which describes an API of JSON: one is a page for people, the other is Prometheus'.
pub const UNDOCUMENTED: [&str; 2] = [METRICS, ROOT];

const YES: bool = true;
const NO_: bool = false;

/// Where the path names no channel, the two columns of channels say the same, and the endpoint itself asks
/// [`Principal::require_channel`] for the channels that its query or body names.
#[rustfmt::skip]
pub const TABLE: &[Row] = &[
    //                                              nobody operator own  other channel, session
    row("GET",    ROOT,                             [YES,  YES,     YES, YES, YES]),
    row("GET",    "/api/docs",                      [YES,  YES,     YES, YES, YES]),
    row("GET",    "/api/docs.css",                  [YES,  YES,     YES, YES, YES]),
    row("GET",    "/api/v1/audit",                  [NO_,  YES,     YES, YES, YES]),
    row("GET",    "/api/v1/channels",               [NO_,  YES,     YES, YES, YES]),
    row("GET",    "/api/v1/channels/{channel}",     [NO_,  YES,     YES, NO_, YES]),
    row("PATCH",  "/api/v1/channels/{channel}",     [NO_,  YES,     YES, NO_, YES]),
    row("POST",   "/api/v1/channels/{channel}/commands/{name}", [NO_, YES, YES, NO_, YES]),
    row("GET",    "/api/v1/channels/{channel}/modules", [NO_, YES,   YES, NO_, YES]),
    row("GET",    "/api/v1/channels/{channel}/modules/{name}", [NO_, YES, YES, NO_, YES]),
    row("PUT",    "/api/v1/channels/{channel}/modules/{name}", [NO_, YES, YES, NO_, YES]),
    row("DELETE", "/api/v1/channels/{channel}/modules/{name}", [NO_, YES, YES, NO_, YES]),
    row("POST",   "/api/v1/channels/{channel}/modules/{name}/rollback", [NO_, YES, YES, NO_, YES]),
    row("GET",    "/api/v1/events",                 [NO_,  YES,     YES, YES, YES]),
    row("GET",    "/api/v1/keys",                   [NO_,  YES,     NO_, NO_, NO_]),
    row("POST",   "/api/v1/keys",                   [NO_,  YES,     NO_, NO_, NO_]),
    row("DELETE", "/api/v1/keys/{id}",              [NO_,  YES,     NO_, NO_, NO_]),
    row("GET",    "/api/v1/keys/self",              [NO_,  YES,     YES, YES, NO_]),
    row("GET",    "/api/v1/modules/{name}/logs",    [NO_,  YES,     YES, YES, YES]),
    row("GET",    "/api/v1/modules",                [NO_,  YES,     YES, YES, YES]),
    row("POST",   "/api/v1/modules",                [NO_,  YES,     YES, YES, YES]),
    row("GET",    "/api/v1/modules/{name}",         [NO_,  YES,     YES, YES, YES]),
    row("DELETE", "/api/v1/modules/{name}",         [NO_,  YES,     YES, YES, YES]),
    row("PUT",    "/api/v1/modules/{name}/canary",  [NO_,  YES,     NO_, NO_, NO_]),
    row("DELETE", "/api/v1/modules/{name}/canary",  [NO_,  YES,     NO_, NO_, NO_]),
    row("POST",   "/api/v1/modules/{name}/canary/promote",
                                                    [NO_,  YES,     NO_, NO_, NO_]),
    row("POST",   "/api/v1/modules/{name}/rollback",
                                                    [NO_,  YES,     NO_, NO_, NO_]),
    row("GET",    "/api/v1/modules/{name}/versions/{version}",
                                                    [NO_,  YES,     YES, YES, YES]),
    row("DELETE", "/api/v1/modules/{name}/versions/{version}",
                                                    [NO_,  YES,     YES, YES, YES]),
    row("POST",   "/api/v1/modules/{name}/versions/{version}/restore",
                                                    [NO_,  YES,     YES, YES, YES]),
    row("GET",    "/api/v1/openapi.json",           [YES,  YES,     YES, YES, YES]),
    row("GET",    "/healthz",                       [YES,  YES,     YES, YES, YES]),
    row("GET",    METRICS,                          [NO_,  YES,     NO_, NO_, NO_]),
    row("GET",    "/readyz",                        [YES,  YES,     YES, YES, YES]),
];

const fn row(method: &'static str, path: &'static str, open_to: [bool; 5]) -> Row {
    Row { method, path, open_to }
}

impl Row {
    pub fn is_open_to(&self, standing: Standing) -> bool {
        self.open_to[standing as usize]
    }

    /// Whether an address of `[http] metrics_from` needs no key for it.
    pub(super) fn is_metrics(&self) -> bool {
        self.path == METRICS
    }

    /// Whether it is answered whatever Host the request names. A page that reaches it by DNS rebinding learns what
    /// anybody on the network may know: whether the host is ready, and why not.
    pub(super) fn is_probe(&self) -> bool {
        PROBES.contains(&self.path)
    }

    /// Whether it asks for a key.
    pub fn needs_key(&self) -> bool {
        !self.is_open_to(Standing::Nobody)
    }
}

/// The row of an endpoint. HEAD is a GET whose answer's body stays away.
pub fn find_row(method: &str, path: &str) -> Option<&'static Row> {
    let method = if method == "HEAD" { "GET" } else { method };
    TABLE.iter().find(|row| row.method == method && row.path == path)
}

/// The methods of a path, as the header Allow has them; None where it has none.
pub(super) fn list_methods(path: &str) -> Option<String> {
    let mut methods = Vec::new();
    for row in TABLE.iter().filter(|row| row.path == path) {
        methods.push(row.method);
        if row.method == "GET" {
            methods.push("HEAD");
        }
    }
    (!methods.is_empty()).then(|| methods.join(", "))
}

/// As whom `principal` comes to a path that names `channel`; `Err` where it names one that cannot be.
pub(super) fn stand(principal: &Principal, channel: Option<Result<ChannelId, ()>>) -> Standing {
    if principal.is_operator() {
        return Standing::Operator;
    }
    match channel {
        None => Standing::OwnChannel,
        Some(Ok(channel)) if principal.may_act_in(channel) => Standing::OwnChannel,
        Some(_) => Standing::OtherChannel,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_has_one_row() {
        for (index, row) in TABLE.iter().enumerate() {
            let twice = TABLE[..index].iter().any(|before| (before.method, before.path) == (row.method, row.path));
            assert!(!twice, "{row:?}");
        }
    }

    #[test]
    fn no_row_contradicts_itself() {
        for row in TABLE {
            let [nobody, operator, own, other, session] = row.open_to;
            assert!(operator, "the operator may do everything: {row:?}");
            assert!(!nobody || own && other, "whoever has a key may do what others may: {row:?}");
            assert!(!other || own, "a channel's key opens at least what others' do: {row:?}");
            assert!(!nobody || session, "whoever is logged in may do what others may: {row:?}");
            assert!(!session || own, "a session opens at most what a key of its channel does: {row:?}");
            assert!(own == other || row.path.contains("{channel}"), "no channel tells them apart: {row:?}");
        }
    }

    #[test]
    fn the_methods_of_a_path_are_listed() {
        assert_eq!(list_methods("/api/v1/keys").as_deref(), Some("GET, HEAD, POST"));
        assert_eq!(list_methods("/nowhere"), None);
        assert!(find_row("HEAD", "/healthz").is_some() && find_row("POST", "/healthz").is_none());
    }
}
