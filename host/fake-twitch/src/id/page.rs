//! The pages for people, without scripts or styles. A form has the fields that it was shown with, and the person's
//! choice, so a test can send it without reading the page.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::response::{Html, IntoResponse, Response};

use super::form::Form;
use super::refusal::{Refusal, UNKNOWN_ACCOUNT};
use crate::world::World;

/// Most accounts that a page offers.
const ACCOUNTS: usize = 200;

/// The question whether an application may act for a person.
pub(super) struct Question<'a> {
    pub(super) action: &'a str,
    pub(super) application: &'a str,
    pub(super) scopes: &'a [String],
    /// Parameters of the request, which the form repeats.
    pub(super) fields: &'a [(&'a str, &'a str)],
}

/// A person's choice on such a page.
pub(super) enum Choice {
    /// The id of the user who approves.
    Approve(String),
    Deny,
}

impl Choice {
    /// Reads `choice` and `login`. Where any account may log in, a new login becomes an account.
    pub(super) fn parse(world: &mut World, form: &Form) -> Result<Self, Refusal> {
        if form.find("choice") != Some("approve") {
            return Ok(Self::Deny);
        }
        let login = form.require("login", UNKNOWN_ACCOUNT)?.to_ascii_lowercase();
        let is_known =
            world.find_chatter(&login).is_some() || world.policy.takes_any_account && world.open_account(&login);
        is_known.then(|| Self::Approve(world.chatter(&login).id)).ok_or(UNKNOWN_ACCOUNT)
    }
}

pub(super) fn ask(world: &World, question: &Question<'_>) -> Response {
    let hidden: String = question
        .fields
        .iter()
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n", escape(value)))
        .collect();
    let scopes: String = question.scopes.iter().map(|scope| format!("<li>{}</li>\n", escape(scope))).collect();
    let title = format!("{} wants to access an account", escape(question.application));
    let body = format!(
        "<p>It asks for:</p>\n<ul>\n{scopes}</ul>\n<form method=\"post\" action=\"{}\">\n{hidden}{}{BUTTONS}</form>\n",
        escape(question.action),
        write_accounts(world)
    );
    show(StatusCode::OK, &title, &body)
}

/// Asks for the code of a device, and for the person's choice.
pub(super) fn ask_code(world: &World, user_code: &str) -> Response {
    let body = format!(
        "<form method=\"post\" action=\"/activate\">\n<label>Code <input name=\"device-code\" value=\"{}\" \
         required></label>\n{}{BUTTONS}</form>\n",
        escape(user_code),
        write_accounts(world)
    );
    show(StatusCode::OK, "Activate a device", &body)
}

/// A page with one sentence.
pub(super) fn show_text(status: StatusCode, text: &str) -> Response {
    show(status, &escape(text), "")
}

const BUTTONS: &str = "<button name=\"choice\" value=\"approve\">Authorize</button>\n<button name=\"choice\" \
                       value=\"deny\">Cancel</button>\n";

fn write_accounts(world: &World) -> String {
    let options = |logins: Vec<String>| {
        logins.iter().map(|login| format!("<option>{}</option>\n", escape(login))).collect::<String>()
    };
    let options = options(world.list_logins(ACCOUNTS));
    if world.policy.takes_any_account {
        return format!(
            "<label>Who are you? <input name=\"login\" list=\"accounts\"></label>\n<datalist id=\"accounts\">\n\
             {options}</datalist>\n"
        );
    }
    format!("<label>Who are you? <select name=\"login\">\n{options}</select></label>\n")
}

fn show(status: StatusCode, title: &str, body: &str) -> Response {
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title} - fake Twitch</title>\n\
         <h1>{title}</h1>\n{body}</html>\n"
    );
    let headers = [(CONTENT_SECURITY_POLICY, "default-src 'none'"), (REFERRER_POLICY, "no-referrer")];
    (status, headers, Html(page)).into_response()
}

fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, character| {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
        escaped
    })
}
