//! Reads one table of the file, key by key. A key that the reader never requested is a mistake, and so is a value of
//! the wrong kind. After a mistake reading goes on with the default, so that all mistakes are reported at once.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::value::{ReadKey, Reject};
use crate::domain::nearest::find_nearest;

/// A mistake in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Counted from 1.
    pub line: usize,
    /// Names the key and describes a valid value.
    pub text: String,
}

/// The mistakes found so far.
pub(super) struct Problems<'t> {
    text: &'t str,
    found: Vec<Problem>,
}

impl<'t> Problems<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, found: Vec::new() }
    }

    /// `offset` is in bytes from the start of the file.
    pub(super) fn add(&mut self, offset: usize, text: String) {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        self.found.push(Problem { line: 1 + before.iter().filter(|byte| **byte == b'\n').count(), text });
    }

    /// The mistakes, sorted by line.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|problem| problem.line);
        self.found
    }
}

/// A table that is being read. An absent table is read too, and yields the defaults.
pub(super) struct Section<'t, 'p> {
    /// The table's name in messages: `limits`, `accounts[1]`, or empty for the whole file.
    name: String,
    table: Option<&'t DeTable<'t>>,
    offset: usize,
    known: Vec<&'static str>,
    problems: &'p mut Problems<'t>,
}

impl<'t, 'p> Section<'t, 'p> {
    pub(super) fn whole_file(table: &'t Spanned<DeTable<'t>>, problems: &'p mut Problems<'t>) -> Self {
        Self { name: String::new(), table: Some(table.get_ref()), offset: 0, known: Vec::new(), problems }
    }

    /// `None` if the key is absent or its value is wrong. A wrong value is reported.
    pub(super) fn find<T: ReadKey>(&mut self, key: &'static str) -> Option<T> {
        self.find_with(key, T::read_key)
    }

    pub(super) fn find_with<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Spanned<DeValue<'_>>, &mut Reject<'_>) -> Option<T>,
    ) -> Option<T> {
        let value = self.find_raw(key)?;
        read(value, &mut |offset, index, text| match index {
            Some(index) => self.reject_element(key, index, offset, text),
            None => self.reject(offset, Some(key), text),
        })
    }

    /// Whether the key is there, with a valid or a wrong value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// The table `[key]` within this one.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'t, '_> {
        let value = self.find_raw(key);
        let name = self.path(Some(key));
        let offset = value.map_or(self.offset, |value| value.span().start);
        if let Some(value) = value
            && !value.get_ref().is_table()
        {
            self.reject(offset, Some(key), &format!("must be a table: write its keys below a line [{key}]"));
        }
        let table = value.and_then(|value| value.get_ref().as_table());
        Section { name, table, offset, known: Vec::new(), problems: &mut *self.problems }
    }

    /// The elements of the list `key`; empty if the key is absent.
    pub(super) fn list_elements(&mut self, key: &'static str, valid: &str) -> Vec<&'t Spanned<DeValue<'t>>> {
        let Some(value) = self.find_raw(key) else { return Vec::new() };
        match value.get_ref().as_array() {
            Some(elements) => elements.iter().collect(),
            None => {
                self.reject(value.span().start, Some(key), valid);
                Vec::new()
            }
        }
    }

    /// Reports a mistake in the `index`-th element of the list `key`.
    pub(super) fn reject_element(&mut self, key: &str, index: usize, offset: usize, text: &str) {
        let path = self.path(Some(key));
        self.problems.add(offset, format!("{path}[{index}] {text}"));
    }

    /// The table that is the `index`-th element of the list `key`. If the element is no table, `valid` is reported.
    pub(super) fn element(
        &mut self,
        key: &'static str,
        index: usize,
        value: &'t Spanned<DeValue<'t>>,
        valid: &str,
    ) -> Option<Section<'t, '_>> {
        let Some(table) = value.get_ref().as_table() else {
            self.reject_element(key, index, value.span().start, valid);
            return None;
        };
        let name = format!("{}[{index}]", self.path(Some(key)));
        Some(Section {
            name,
            table: Some(table),
            offset: value.span().start,
            known: Vec::new(),
            problems: &mut *self.problems,
        })
    }

    /// Reports `text` for `key` unless `is_right`.
    pub(super) fn check(&mut self, key: &'static str, is_right: bool, text: &str) {
        if is_right {
            return;
        }
        let offset = self.table.and_then(|table| table.get(key)).map_or(self.offset, |value| value.span().start);
        self.reject(offset, Some(key), text);
    }

    /// Reports a mistake of the table as a whole.
    pub(super) fn reject_table(&mut self, text: &str) {
        self.reject(self.offset, None, text);
    }

    /// Reports a key that operators may expect here but that is refused; returns whether the key is there.
    pub(super) fn refuse(&mut self, key: &'static str, text: &str) -> bool {
        let Some(value) = self.table.and_then(|table| table.get(key)) else { return false };
        self.known.push(key);
        self.reject(value.span().start, Some(key), text);
        true
    }

    /// Reports the keys that the reader never requested.
    pub(super) fn finish(self) {
        let Some(table) = self.table else { return };
        let section = if self.name.is_empty() { String::new() } else { format!(" in [{}]", self.name) };
        for key in table.keys().filter(|key| !self.known.contains(&key.get_ref().as_ref())) {
            let advice = find_nearest(key.get_ref(), self.known.iter().copied()).map_or_else(
                || format!("; known are {}", self.known.join(", ")),
                |nearest| format!(", did you mean \"{nearest}\"?"),
            );
            self.problems.add(key.span().start, format!("unknown key {:?}{section}{advice}", key.get_ref()));
        }
    }

    fn find_raw(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.known.push(key);
        self.table?.get(key)
    }

    fn reject(&mut self, offset: usize, key: Option<&str>, text: &str) {
        let path = self.path(key);
        self.problems.add(offset, format!("{path} {text}"));
    }

    fn path(&self, key: Option<&str>) -> String {
        match (self.name.as_str(), key) {
            ("", key) => key.unwrap_or_default().to_owned(),
            (name, None) => name.to_owned(),
            (name, Some(key)) => format!("{name}.{key}"),
        }
    }
}
