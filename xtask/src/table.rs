//! Plain tables: columns aligned, numbers to the right, no lines and no colour.

/// Lays `rows` out under `head`; a cell that is a number is aligned to the right.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0).max(head[column].chars().count())
    });
    let numeric: [bool; N] =
        std::array::from_fn(|column| rows.iter().all(|row| is_number(&row[column])));
    let mut out = String::new();
    let head = head.map(str::to_owned);
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            let cell =
                if numeric[column] { format!("{cell:>width$}") } else { format!("{cell:<width$}") };
            line.push_str(&cell);
            line.push_str("  ");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn is_number(cell: &str) -> bool {
    matches!(cell, "" | "-" | "all") || cell.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::table;

    #[test]
    fn numbers_go_to_the_right_and_text_to_the_left() {
        let rows = [
            ["memory".to_owned(), "12".to_owned(), String::new()],
            ["json".to_owned(), "-".to_owned(), "no disk".to_owned()],
        ];
        expect![[r#"
            store   passed  reason
            memory      12
            json         -  no disk
        "#]]
        .assert_eq(&table(["store", "passed", "reason"], &rows));
    }
}
