//! The table of endpoints, and who may call each. An endpoint that is not listed is denied.

use super::principal::Principal;
use crate::domain::id::ChannelId;

/// An endpoint, and the callers who may use it.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub method: &'static str,
    /// As in the router; `{channel}` is a channel's id.
    pub path: &'static str,
    open_to: [bool; 5],
}

/// The kind of caller, relative to the path's channel, in the order of the table's columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerKind {
    /// Without a key.
    WithoutKey,
    Operator,
    /// With a key of the channel in the path; if the path has no channel, with a key of any channel.
    OwnChannel,
    /// With a key or a creator's session of another channel.
    OtherChannel,
    /// With a session of the channel's creator; if the path has no channel, with any creator's session. No session acts
    /// as the operator.
    #[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "sessions come with the log-in"))]
    Session,
}

/// The only path that needs a key or not by address: an address of `[http] metrics_from` needs none.
pub const METRICS: &str = "/metrics";
/// Redirects to the documentation.
pub const ROOT: &str = "/";
/// For load balancers and container platforms, which send the machine's address as the Host, or no Host.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];

const YES: bool = true;
const NO_: bool = false;

/// If the path has no channel, both columns of channels are equal, and the endpoint itself calls
/// [`Principal::require_channel`] for the channels in its query or body.
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
    pub fn is_open_to(&self, caller_kind: CallerKind) -> bool {
        self.open_to[caller_kind as usize]
    }

    /// Whether the endpoint needs no key for an address of `[http] metrics_from`.
    pub(super) fn is_metrics(&self) -> bool {
        self.path == METRICS
    }

    /// Whether the endpoint accepts any Host header. DNS rebinding reveals no more than whether the host is ready, and
    /// why not, which is public on the network anyway.
    pub(super) fn is_probe(&self) -> bool {
        PROBES.contains(&self.path)
    }

    pub fn needs_key(&self) -> bool {
        !self.is_open_to(CallerKind::WithoutKey)
    }
}

/// Finds an endpoint's row. HEAD shares the row of GET.
pub fn find_row(method: &str, path: &str) -> Option<&'static Row> {
    let method = if method == "HEAD" { "GET" } else { method };
    TABLE.iter().find(|row| row.method == method && row.path == path)
}

/// The methods of a path, as the header Allow lists them. `None`: the path is not in the table.
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

/// How `principal` relates to the path's channel. `Err`, a malformed channel id, counts as another channel.
pub(super) fn classify(principal: &Principal, channel: Option<Result<ChannelId, ()>>) -> CallerKind {
    if principal.is_operator() {
        return CallerKind::Operator;
    }
    match channel {
        None => CallerKind::OwnChannel,
        Some(Ok(channel)) if principal.may_act_in(channel) => CallerKind::OwnChannel,
        Some(_) => CallerKind::OtherChannel,
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
