//! Decides what enabling a module agrees to: only what was named. Pure.
//!
//! Capabilities and versions are texts here, since an API client may be older than its host, and must pass on names
//! that it does not know.

/// A module's state in a channel, compared with the version that it is to have there.
#[derive(Clone, Debug)]
pub struct ConsentState<'a> {
    pub granted: Vec<&'a str>,
    /// Capabilities that the version asks for without a grant.
    pub missing: Vec<&'a str>,
    /// The version that agreeing accepts; `None` if it is already accepted, or is accepted by a pin.
    pub version_to_accept: Option<&'a str>,
    /// Whether the channel has an accepted version, on which it stays without an agreement.
    pub has_accepted: bool,
}

/// What is agreed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement<'a> {
    /// Grants to add to the present ones.
    pub added: Vec<&'a str>,
    pub accept: Option<&'a str>,
}

/// Why nothing is agreed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgreeError {
    /// The version does not ask for `named`, most likely a typing error, but for `missing`.
    NotRequested { named: String, missing: Vec<String> },
    /// The version asks for these grants, but they were not named.
    NotNamed(Vec<String>),
}

/// `named`: the grants to give, where `all` stands for all missing ones. `accepts` agrees to all else that the version
/// asks for; naming a grant does so too.
pub fn agree<'a>(state: ConsentState<'a>, named: &[String], accepts: bool) -> Result<Agreement<'a>, AgreeError> {
    let ConsentState { granted, missing, version_to_accept, has_accepted } = state;
    let is_asked = |name: &str| name == "all" || granted.contains(&name) || missing.contains(&name);
    let own = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    if let Some(unknown) = named.iter().find(|name| !is_asked(name)) {
        return Err(AgreeError::NotRequested { named: unknown.clone(), missing: own(missing) });
    }
    if named.is_empty() && !accepts && has_accepted {
        return Ok(Agreement { added: Vec::new(), accept: None });
    }
    let is_named = |name: &str| named.iter().any(|grant| grant == name || grant == "all");
    let unnamed: Vec<&str> = missing.iter().copied().filter(|name| !is_named(name)).collect();
    if !unnamed.is_empty() {
        return Err(AgreeError::NotNamed(own(unnamed)));
    }
    let accept = version_to_accept.filter(|_| accepts || !named.is_empty());
    Ok(Agreement { added: missing, accept })
}
