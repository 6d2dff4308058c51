//! The guests of the tests, as components. Each is named after its behaviour, and so is its command.

macro_rules! guests {
    ($($(#[$doc:meta])+ $name:ident = $file:literal;)+) => {$(
        $(#[$doc])+
        pub const $name: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/", $file, "-guest.wasm"));
    )+};
}

guests! {
    /// Answers with random numbers and the time.
    ASKS_RANDOM_AND_TIME = "asks-random-and-time";
    /// `!addword foo`, `!dropword foo`, and any word that was claimed.
    CLAIMS_WORDS = "claims-words";
    /// `!count [key]` and, without writing, `!count-get [key]`.
    COUNTER = "counter";
    /// Adds one, and queries a balance between reading and writing.
    COUNTS_SLOWLY = "counts-slowly";
    /// `!echo text` and `!echo-args`; imports nothing.
    ECHO = "echo";
    /// `!fetch URL...`, `!post URL`, which counts, and `!post-count URL`, which sends the count.
    FETCHES = "fetches";
    /// Logs long lines, and never ends.
    FLOODS_LOG = "floods-log";
    /// Answers with a thousand replies.
    FLOODS_REPLIES = "floods-replies";
    /// Saves a hundred thousand values.
    FLOODS_STORAGE = "floods-storage";
    /// Allocates memory until an allocation fails.
    GRABS_MEMORY = "grabs-memory";
    /// Answers with 4 MiB of text.
    HUGE_REPLY = "huge-reply";
    /// Makes one host call, then never returns.
    LOOPS_AFTER_HOST_CALL = "loops-after-host-call";
    /// Never returns.
    LOOPS_FOREVER = "loops-forever";
    /// Behaves, unless `misbehaves in info by way of 0` in its bytes ends in another number.
    MISBEHAVES_IN_INFO = "misbehaves-in-info";
    /// Calls itself until the stack is full.
    OVERFLOWS_STACK = "overflows-stack";
    /// Reads its storage in `info`.
    READS_IN_INFO = "reads-in-info";
    /// One read, one answer: for the benches.
    READS_STORAGE = "reads-storage";
    /// `!refuse`, `!usage`, `!unavailable`: each error once.
    REFUSES = "refuses";
    /// Answers with its version, and counts the calls of all its versions.
    TELLS_VERSION = "tells-version";
    /// Answers with the version that wrote last, and writes.
    TELLS_WRITER = "tells-writer";
    /// `!pay @bob 5`, `!charge 5`, `!pay-out @bob 5`, `!award @bob 5`.
    TRANSFERS = "transfers";
    /// Panics.
    TRAPS = "traps";
    /// Imports an interface that no host provides.
    WANTS_UNKNOWN = "wants-unknown";
    /// Saves, then never returns; `!writes-then-loops-count` answers with the saved count.
    WRITES_THEN_LOOPS = "writes-then-loops";
    /// Saves, then panics; `!writes-then-traps-count` answers with the saved count.
    WRITES_THEN_TRAPS = "writes-then-traps";
}
