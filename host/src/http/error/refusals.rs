//! The table of refusals: status, code and meaning of each. The OpenAPI document lists it.

/// A kind of refusal. The meaning of its code never changes; codes may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub code: &'static str,
    /// When this refusal is answered, for the OpenAPI document.
    pub meaning: &'static str,
    /// The usual sentence for the client: the meaning, unless [`Refusal::telling`] sets another.
    pub(super) detail: &'static str,
    /// A header of every answer with this refusal.
    pub(super) header: Option<(&'static str, &'static str)>,
}

const fn refusal(status: u16, code: &'static str, meaning: &'static str) -> Refusal {
    Refusal { status, code, meaning, detail: meaning, header: None }
}

impl Refusal {
    const fn telling(self, detail: &'static str) -> Refusal {
        Refusal { detail, ..self }
    }

    const fn with_header(self, name: &'static str, value: &'static str) -> Refusal {
        Refusal { header: Some((name, value)), ..self }
    }
}

macro_rules! refusals {
    ($($name:ident = $refusal:expr;)*) => {
        $(pub const $name: &Refusal = &$refusal;)*

        /// All refusals, by status and code.
        pub const REFUSALS: &[&Refusal] = &[$($name),*];
    };
}

refusals! {
    INVALID_BODY = refusal(400, "invalid_body", "The body is not the JSON that is expected.");
    INVALID_HEADER = refusal(400, "invalid_header", "A header is not well-formed.");
    INVALID_PATH = refusal(400, "invalid_path", "A part of the path cannot be what it stands for.");
    INVALID_QUERY = refusal(400, "invalid_query", "A parameter of the query is unknown or not well-formed.");
    // The same answer for unknown, expired and revoked keys, so that guessing does not reveal which keys exist.
    INVALID_KEY = refusal(401, "invalid_key", "The API key is unknown, expired or revoked.")
        .telling("The API key is unknown, expired or revoked, or not sent as Authorization: Bearer twk_...")
        .with_header("www-authenticate", "Bearer realm=\"twitchy\", error=\"invalid_token\"");
    KEY_MISSING = refusal(401, "key_missing", "There is no API key.")
        .telling("This needs an API key: send the header Authorization: Bearer twk_...")
        .with_header("www-authenticate", "Bearer realm=\"twitchy\"");
    FORBIDDEN = refusal(403, "forbidden", "The API key does not open this.")
        .telling("The API key does not open this; GET /api/v1/keys/self says what it opens.");
    NEEDS_OPERATOR = refusal(403, "needs_operator", "Only the operator grants that.");
    ROLE_TOO_LOW = refusal(403, "role_too_low", "The command is not for chatters of this role.");
    NOT_FOUND = refusal(404, "not_found", "There is no such key, channel, module or version.");
    UNKNOWN_CHANNEL = refusal(404, "unknown_channel", "The bot is in no such channel.").telling(NO_CHANNEL);
    UNKNOWN_COMMAND = refusal(404, "unknown_command", "No module that runs in this channel answers to this word.");
    UNKNOWN_MODULE = refusal(404, "unknown_module", "There is no such module.");
    UNKNOWN_PATH = refusal(404, "unknown_path", "There is nothing at this path.")
        .telling("There is nothing at this path; /api/docs lists what there is.");
    METHOD_NOT_ALLOWED = refusal(405, "method_not_allowed", "The header Allow names the methods that there are.");
    REQUEST_TIMEOUT = refusal(408, "request_timeout", "The request was not read and answered in time.");
    ALWAYS_ON = refusal(409, "always_on", "The module cannot be switched off.");
    CANARY_EXISTS = refusal(409, "canary_exists", "Another version is tried out: it is to be promoted or dropped first.");
    CANARY_TOO_OLD = refusal(409, "canary_too_old", "Every channel has a newer version: that is pinned where it is wanted, not tried out.");
    FIXED_GRANTS = refusal(409, "fixed_grants", "The module came with the host, and has all that it asks for.");
    FULL = refusal(409, "full", "The host keeps no more modules or versions.");
    FUSE_BLOWN = refusal(409, "fuse_blown", "The module broke too often, and is off here.")
        .telling("The module broke too often: it is off here until somebody enables it again.");
    IN_PROGRESS = refusal(409, "in_progress", "The first request with this Idempotency-Key is still under way.");
    IN_USE = refusal(409, "in_use", "Channels run it: only force=true withdraws it.");
    LAST_OPERATOR_KEY = refusal(409, "last_operator_key", "No other API key opens everything.")
        .telling("No other key opens everything: make one with the scope operator first.");
    MUTED = refusal(409, "muted", "The bot is muted in this channel.");
    NAME_TAKEN = refusal(409, "name_taken", "The module's name belongs to another API key.");
    NEEDS_GRANT = refusal(409, "needs_grant", "The module does not run without a grant that it asks for.");
    NO_CANARY = refusal(409, "no_canary", "No version is tried out.");
    NO_VERSION = refusal(409, "no_version", "Every version of the module is withdrawn.");
    NOT_UPLOADED = refusal(409, "not_uploaded", "The module came with the host, and has one version.");
    NOTHING_BEFORE = refusal(409, "nothing_before", "There is no earlier version to go back to.");
    RESERVED_NAME = refusal(409, "reserved_name", "The module's name belongs to a module of the host.");
    RESERVED_WORD = refusal(409, "reserved_word", "One of the module's words belongs to a module of the host.");
    VERSION_EXISTS = refusal(409, "version_exists", "There is this version, with other bytes.");
    VERSION_NOT_DUE = refusal(409, "version_not_due", "Another version than the accepted one is due in this channel.");
    VERSION_WITHDRAWN = refusal(409, "version_withdrawn", "The version that is to run in the channel is withdrawn.");
    WITHDRAWN = refusal(409, "withdrawn", "The version that is to be tried out or gone back to is withdrawn.");
    WORD_TAKEN = refusal(409, "word_taken", "Another module answers to one of the words in this channel.");
    PRECONDITION_FAILED = refusal(412, "precondition_failed", "It has changed since it was read.")
        .telling("It has changed since: read it again, and send its new ETag as If-Match.");
    TOO_LARGE = refusal(413, "too_large", "The body is too large.");
    UNSUPPORTED_ENCODING = refusal(415, "unsupported_encoding", "The body is compressed, or encoded in another way.")
        .telling("The body must be sent as it is, without Content-Encoding.")
        .with_header("accept-encoding", "identity");
    UNSUPPORTED_MEDIA_TYPE = refusal(415, "unsupported_media_type", "The body is of another content type.");
    UNKNOWN_HOST = refusal(421, "unknown_host", "The Host header names none of this server's names.")
        .telling("The Host header names none of this server's names; [http] hosts in its configuration adds one.");
    ARGUMENTS_TOO_LONG = refusal(422, "arguments_too_long", "The arguments are longer than a chat message.");
    COMPILE_FAILED = refusal(422, "compile_failed", "The compiler gave the component up.");
    COMPILE_OUT_OF_MEMORY = refusal(422, "compile_out_of_memory", "Compiling the component takes too much memory.");
    COMPILE_OUT_OF_TIME = refusal(422, "compile_out_of_time", "Compiling the component takes too long.");
    CONTRACT_MISMATCH = refusal(422, "contract_mismatch", "The component does not export what a module does.");
    IDEMPOTENCY_KEY_REUSED = refusal(422, "idempotency_key_reused", "The Idempotency-Key was sent with another request before.")
        .telling("This Idempotency-Key was sent with another request before.");
    INFO_FAILED = refusal(422, "info_failed", "The module broke when it was asked what it is.");
    INVALID_COMPONENT = refusal(422, "invalid_component", "The body is no valid component.");
    INVALID_INFO = refusal(422, "invalid_info", "What the module says of itself cannot be.");
    INVALID_SETTING = refusal(422, "invalid_setting", "A value is not as the module has it.");
    INVALID_VALUES = refusal(422, "invalid_values", "Some of what the request says cannot be.");
    NOT_REQUESTED = refusal(422, "not_requested", "The module does not ask for what was granted.");
    OVER_CEILING = refusal(422, "over_ceiling", "The component has more parts than a module may have.");
    PRECOMPILED = refusal(422, "precompiled", "The body is machine code.");
    SIZE_CLASS_NOT_ALLOWED = refusal(422, "size_class_not_allowed", "The host takes no modules of this size class.");
    UNKNOWN_CHANNELS = refusal(422, "unknown_channels", "A canary needs channels that the host knows.");
    UNKNOWN_IMPORT = refusal(422, "unknown_import", "The component imports what the host does not offer.");
    UNKNOWN_SETTING = refusal(422, "unknown_setting", "The module has no such setting or command.");
    UNKNOWN_VERSION = refusal(422, "unknown_version", "There is no such version.");
    UNSUPPORTED_CONTRACT = refusal(422, "unsupported_contract", "The component is of a contract's version that the host does not know.");
    PRECONDITION_REQUIRED = refusal(428, "precondition_required", "The header If-Match is missing.")
        .telling("Send the ETag of what you have read as If-Match, or * to change it anyway.");
    CHATTER_IGNORED = refusal(429, "chatter_ignored", "The module broke at this chatter's calls, and ignores them.");
    COMPILE_BUDGET_SPENT = refusal(429, "compile_budget_spent", "The key has used up its processor time for compiling uploads.");
    COOLDOWN = refusal(429, "cooldown", "The command was used a moment ago.");
    RATE_LIMITED = refusal(429, "rate_limited", "Too many requests.");
    // The time at which a listener leaves is unknown, so a minute is a guess.
    TOO_MANY_LISTENERS = refusal(429, "too_many_listeners", "Too many listen to events.")
        .telling("Too many listen to events already; end one of yours, or try again later.")
        .with_header("retry-after", "60");
    INTERNAL = refusal(500, "internal", "Something went wrong in the host, whose log says what.")
        .telling("Something went wrong here; the host's log says what.");
    MODULE_BROKE = refusal(502, "module_broke", "The module broke, and changed nothing.");
    BUSY = refusal(503, "busy", "Too much of this kind is under way.");
    COMPILE_INTERRUPTED = refusal(503, "compile_interrupted", "The compiler was ended from outside.");
    NOT_READY = refusal(503, "not_ready", "The host starts, stops, or is not connected.").telling("The host is not ready.");
}

/// Twitch sends a channel's id only to accounts that have joined the channel, so before that the id is unknown.
pub(super) const NO_CHANNEL: &str =
    "There is no such channel, or the bot has not joined it yet: then its id is not known.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_listed_once_and_found_by_its_status() {
        let keys = REFUSALS.iter().map(|refusal| (refusal.status, refusal.code));
        assert!(keys.clone().is_sorted(), "in the document, refusals are in the order of their statuses and codes");
        let codes: std::collections::BTreeSet<&str> = keys.map(|(_, code)| code).collect();
        assert_eq!(codes.len(), REFUSALS.len());
    }
}
