//! A table that goes on over as many pages as it needs, with its head on each.

use super::PdfError;
use super::font::FaceName;
use super::letter::{BODY_BOTTOM, Flow};
use super::sheet::{Block, Column, ElementId, Kind, LEFT, Look, Mark, RIGHT, Side};
use crate::colour::Colour;

const ENTRY: Look = Look::of(FaceName::Regular, 9.2, 11.6, Colour::INK);
const NOTE: Look = Look::of(FaceName::Regular, 7.8, 9.8, Colour::MUTED);
const TITLE: Look = Look::of(FaceName::Bold, 8.0, 11.0, Colour::MUTED);
const PADDING: f32 = 3.0;
const GUTTER: f32 = 14.0;

/// What stands in a row: the first cell may have a note below it, the others are figures.
pub(super) struct Row {
    pub(super) text: String,
    pub(super) note: Option<String>,
    pub(super) figures: Vec<String>,
}

/// A row that is set.
struct SetRow {
    text: Block,
    note: Option<Block>,
    figures: Vec<Block>,
}

impl SetRow {
    fn height(&self) -> f32 {
        let text = self.text.height() + self.note.as_ref().map_or(0.0, Block::height);
        self.figures.iter().map(Block::height).fold(text, f32::max) + 2.0 * PADDING
    }
}

/// Puts the table; `keep` is the room that the last row shares its page with, so that no sum stands alone.
pub(super) fn put(flow: &mut Flow<'_>, titles: &[&str], rows: &[Row], keep: f32) -> Result<(), PdfError> {
    let (columns, titles) = measure(flow, titles, rows)?;
    let table = flow.sheet.element(Kind::Table, flow.section);
    let head = flow.sheet.element(Kind::TableHead, Some(table));
    let head = flow.sheet.element(Kind::Row, Some(head));
    let marks: Vec<Mark> =
        columns.iter().map(|_column| Mark::Content(flow.sheet.element(Kind::ColumnTitle, Some(head)))).collect();
    put_head(flow, &columns, &titles, &marks);
    let repeated: Vec<Mark> = columns.iter().map(|_column| Mark::Page).collect();
    let body = flow.sheet.element(Kind::TableBody, Some(table));
    for (place, row) in rows.iter().enumerate() {
        let row = set_row(flow, &columns, row)?;
        let last = place.saturating_add(1) == rows.len();
        let wanted = row.height() + if last { keep } else { 0.0 };
        if flow.top + wanted > BODY_BOTTOM && flow.begun_here {
            flow.next_page()?;
            put_head(flow, &columns, &titles, &repeated);
        }
        put_row(flow, &columns, &row, body);
    }
    Ok(())
}

/// The columns: as wide as their widest figure, and the rest for the text.
fn measure(flow: &mut Flow<'_>, titles: &[&str], rows: &[Row]) -> Result<(Vec<Column>, Vec<Block>), PdfError> {
    let mut titles_set = Vec::with_capacity(titles.len());
    for title in titles {
        titles_set.push(flow.sheet.set(title, TITLE, RIGHT - LEFT)?);
    }
    let mut columns = Vec::with_capacity(titles.len());
    let mut right = RIGHT;
    for (place, title) in titles_set.iter().enumerate().skip(1).rev() {
        let mut width = flow.sheet.measure(title);
        let figures = rows.iter().filter_map(|row| row.figures.get(place.saturating_sub(1)));
        // Digits are all of one width: the longest text is the widest, near enough for a column with a gutter.
        if let Some(longest) = figures.max_by_key(|figure| figure.chars().count()) {
            let block = flow.sheet.set(longest, ENTRY, RIGHT - LEFT)?;
            width = width.max(flow.sheet.measure(&block));
        }
        let left = right - width - 1.0;
        columns.push(Column::right(left, right));
        right = left - GUTTER;
    }
    // Figures longer than any that money makes leave the text its room and overlap nothing but themselves.
    columns.push(Column::left(LEFT, right.max(LEFT + 90.0)));
    columns.reverse();
    Ok((columns, titles_set))
}

fn put_head(flow: &mut Flow<'_>, columns: &[Column], titles: &[Block], marks: &[Mark]) {
    let top = flow.top;
    for ((column, title), mark) in columns.iter().zip(titles).zip(marks) {
        flow.sheet.put(title, *column, top, *mark);
    }
    flow.top = top + 15.0;
    flow.sheet.fill(Column::left(LEFT, RIGHT), flow.top, 1.1, flow.brand);
    flow.top += 2.2;
    flow.begun_here = false;
}

fn set_row(flow: &mut Flow<'_>, columns: &[Column], row: &Row) -> Result<SetRow, PdfError> {
    let width = columns.first().map_or(0.0, |column| column.width());
    let text = flow.sheet.set(&row.text, ENTRY, width)?;
    let note = row.note.as_deref().map(|note| flow.sheet.set(note, NOTE, width)).transpose()?;
    let figures =
        row.figures.iter().map(|figure| flow.sheet.set(figure, ENTRY, RIGHT - LEFT)).collect::<Result<_, _>>()?;
    Ok(SetRow { text, note, figures })
}

fn put_row(flow: &mut Flow<'_>, columns: &[Column], row: &SetRow, body: ElementId) {
    let top = flow.top + PADDING;
    let element = flow.sheet.element(Kind::Row, Some(body));
    for (place, column) in columns.iter().enumerate() {
        let mark = Mark::Content(
            flow.sheet.element(if column.side == Side::Left { Kind::RowTitle } else { Kind::Cell }, Some(element)),
        );
        if let Some(figure) = place.checked_sub(1).and_then(|place| row.figures.get(place)) {
            flow.sheet.put(figure, *column, top, mark);
        } else if place == 0 {
            let below = flow.sheet.put(&row.text, *column, top, mark);
            if let Some(note) = &row.note {
                flow.sheet.put(note, *column, below, mark);
            }
        }
    }
    flow.top += row.height();
    flow.sheet.fill(Column::left(LEFT, RIGHT), flow.top, 0.5, Colour::HAIRLINE);
    flow.top += 0.5;
    flow.begun_here = true;
}
