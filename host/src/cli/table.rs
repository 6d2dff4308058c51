//! Tables of aligned columns, for people to read.

/// The cells of one line.
pub(super) type Row = Vec<String>;

/// Formats a table. Each column is as wide as its widest cell, and columns are two blanks apart.
pub(super) fn align(heading: &[&str], rows: &[Row]) -> String {
    let heading: Row = heading.iter().map(|&cell| cell.to_owned()).collect();
    let rows: Vec<&Row> = std::iter::once(&heading).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let line = |row: &&Row| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}  "));
        format!("{}\n", cells.collect::<String>().trim_end())
    };
    rows.iter().map(line).collect()
}
