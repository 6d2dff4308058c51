//! Writes pieces of HTML, and escapes every text from the document.

use std::fmt::Write as _;

use serde_json::Value;

pub(super) fn line(page: &mut String, html: &str) {
    writeln!(page, "{html}").expect("a String takes all");
}

/// Adds `text` as paragraphs and lists. Adds nothing if `text` is not a string.
pub(super) fn add(page: &mut String, element: &str, text: &Value) {
    let Some(text) = text.as_str() else { return };
    for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        match paragraph.strip_prefix("- ") {
            Some(items) => {
                let items = items.split("\n- ").map(|item| format!("<li>{}</li>\n", prose(item)));
                line(page, &format!("<ul>\n{}</ul>", items.collect::<String>()));
            }
            None => line(page, &format!("<{element}>{}</{element}>", prose(paragraph))),
        }
    }
}

/// Adds nothing if there are no rows.
pub(super) fn add_table(page: &mut String, head: [&str; 3], rows: impl Iterator<Item = [String; 3]>) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    let [a, b, c] = head;
    line(page, &format!("<table>\n<tr><th>{a}</th><th>{b}</th><th>{c}</th></tr>"));
    for [a, b, c] in rows {
        line(page, &format!("<tr><td>{a}</td><td>{b}</td><td>{c}</td></tr>"));
    }
    page.push_str("</table>\n");
}

/// Escapes a text, and marks its parts between `backticks` as code.
pub(super) fn prose(text: &str) -> String {
    let pieces = text.split('`').enumerate();
    let pieces = pieces.map(|(number, piece)| match number % 2 {
        0 => escape(piece),
        _ => format!("<code>{}</code>", escape(piece)),
    });
    pieces.collect()
}

/// A name as code. On a narrow phone it breaks after `_` only, not within its words.
pub(super) fn code(name: &str) -> String {
    format!("<code>{}</code>", escape(name).replace('_', "_<wbr>"))
}

pub(super) fn anchor(name: &str) -> String {
    name.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '-' }).collect()
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
