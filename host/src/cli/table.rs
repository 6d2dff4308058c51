//! Tables of aligned columns, for people to read.

/// The cells of one line.
pub(super) type Row = Vec<String>;

/// Formats a table. Each column is as wide as its widest cell, and columns are two blanks apart.
pub(super) fn align(heading: &[&str], rows: impl IntoIterator<Item = Row>) -> String {
    let heading: Row = heading.iter().map(|&cell| cell.to_owned()).collect();
    let columns = heading.len();
    let rows: Vec<Row> = std::iter::once(heading).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Row| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}  "));
        format!("{}\n", cells.collect::<String>().trim_end())
    };
    rows.iter().map(line).collect()
}

/// A table below an empty line. Empty if there are no rows.
pub(super) fn section(heading: &[&str], rows: impl IntoIterator<Item = Row>) -> String {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() { String::new() } else { format!("\n{}", align(heading, rows)) }
}
