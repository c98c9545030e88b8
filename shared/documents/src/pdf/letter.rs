//! The form that all documents share: letterhead, parties, facts, a table, sums, notes, a foot on each page.

use super::PdfError;
use super::font::FaceName;
use super::sheet::{Block, Column, ElementId, Kind, LEFT, Look, Mark, PAGE_WIDTH, RIGHT, Sheet, Side};
use super::table::{self, Row};
use crate::colour::Colour;
use crate::language::{Texts, fill};

/// Where the body of a page ends and its foot begins.
pub(super) const BODY_BOTTOM: f32 = 772.0;
const FOOT_TOP: f32 = 786.0;
/// How many lines of a seller's foot the page has room for.
const FOOT_LINES: usize = 5;
const ABOVE_SUMS: f32 = 7.0;
const NOTES: Column = Column::left(LEFT, SUMS - 36.0);
const NOTE_GAP: f32 = 4.0;
/// The most that is kept on one page with the last row.
const KEEP_MOST: f32 = 330.0;
/// What a table needs to begin: its head and a row.
const TABLE_ROOM: f32 = 60.0;
/// Where the body of a further page begins.
const NEXT_TOP: f32 = 66.0;
/// Where the right-hand column of the letterhead begins.
const ASIDE: f32 = 352.0;
/// Where the sums begin.
const SUMS: f32 = 318.0;

const SMALL: Look = Look::of(FaceName::Regular, 8.2, 11.4, Colour::MUTED);
const LABEL: Look = Look::of(FaceName::Regular, 7.8, 11.0, Colour::MUTED);
const PLAIN: Look = Look::of(FaceName::Regular, 9.6, 13.2, Colour::INK);
const STRONG: Look = Look::of(FaceName::Bold, 9.6, 13.2, Colour::INK);
const NAME: Look = Look::of(FaceName::Bold, 10.6, 15.0, Colour::INK);
const TITLE: Look = Look::of(FaceName::Bold, 18.0, 24.0, Colour::INK);
const FOOT: Look = Look::of(FaceName::Regular, 7.4, 9.8, Colour::MUTED);

/// Somebody in the letterhead.
pub(super) struct Party {
    pub(super) name: String,
    /// The address, one entry a line.
    pub(super) address: Vec<String>,
    /// Tax numbers and how to write to them.
    pub(super) particulars: Vec<String>,
}

/// How much a sum weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Plain,
    Strong,
    /// The one figure that matters.
    Result,
}

/// A line of the sums.
pub(super) struct Sum {
    pub(super) label: String,
    pub(super) value: String,
    pub(super) weight: Weight,
}

/// A document, before it has pages.
pub(super) struct Letter<'a> {
    pub(super) texts: &'static Texts,
    pub(super) brand: Colour,
    pub(super) title: String,
    pub(super) seller: Party,
    /// Above the customer.
    pub(super) customer_label: &'a str,
    pub(super) customer: Party,
    /// What matters, beside the customer.
    pub(super) facts: Vec<(&'a str, String)>,
    /// The most important fact.
    pub(super) result: (&'a str, String),
    /// At the right above the table.
    pub(super) table_note: String,
    pub(super) titles: Vec<&'a str>,
    pub(super) rows: Vec<Row>,
    pub(super) sums: Vec<Sum>,
    pub(super) notes: Vec<String>,
    pub(super) footer: Option<&'a str>,
}

/// Where the document has come to.
pub(super) struct Flow<'a> {
    pub(super) sheet: &'a mut Sheet,
    pub(super) brand: Colour,
    /// What comes next comes below this.
    pub(super) top: f32,
    /// Whether a row stands on this page already: if not, a new page would not help.
    pub(super) begun_here: bool,
    pub(super) section: Option<ElementId>,
    running: Block,
}

impl Flow<'_> {
    /// Begins a further page.
    pub(super) fn next_page(&mut self) -> Result<(), PdfError> {
        self.sheet.begin_page();
        self.sheet.fill(Column::left(0.0, PAGE_WIDTH), 0.0, 6.0, self.brand);
        let running = self.running.clone();
        self.sheet.put(&running, Column::left(LEFT, RIGHT), 36.0, Mark::Page);
        self.top = NEXT_TOP;
        self.begun_here = false;
        Ok(())
    }

    /// Makes sure that so much fits below.
    fn room(&mut self, height: f32) -> Result<(), PdfError> {
        if self.top + height > BODY_BOTTOM { self.next_page() } else { Ok(()) }
    }

    fn paragraph(&mut self) -> Mark {
        Mark::Content(self.sheet.element(Kind::Paragraph, self.section))
    }
}

impl Letter<'_> {
    /// Lays the document out on as many pages as it needs.
    pub(super) fn lay_out(&self) -> Result<Sheet, PdfError> {
        let mut sheet = Sheet::default();
        let section = sheet.element(Kind::Section, None);
        let running = format!("{}  ·  {}", self.title, self.seller.name);
        let running = sheet.set(&running, SMALL, RIGHT - LEFT)?;
        sheet.begin_page();
        let brand = self.brand.readable();
        let mut flow = Flow { sheet: &mut sheet, brand, top: 0.0, begun_here: false, section: Some(section), running };
        self.put_head(&mut flow)?;
        flow.room(TABLE_ROOM)?;
        let width = NOTES.width();
        let notes = self.notes.iter().map(|note| flow.sheet.set(note, PLAIN, width)).collect::<Result<Vec<_>, _>>()?;
        let beside = notes.iter().map(|note| note.height() + NOTE_GAP).sum::<f32>();
        let keep = self.sums.iter().map(Sum::height).sum::<f32>().max(beside) + ABOVE_SUMS;
        // Sums that would fill a page of their own are not kept together.
        table::put(&mut flow, &self.titles, &self.rows, if keep < KEEP_MOST { keep } else { 0.0 })?;
        flow.top += ABOVE_SUMS;
        let (page, top) = (flow.sheet.pages.len(), flow.top);
        self.put_sums(&mut flow)?;
        if flow.sheet.pages.len() == page {
            flow.top = top;
        }
        put_notes(&mut flow, &notes)?;
        self.put_feet(&mut sheet)?;
        Ok(sheet)
    }

    fn put_head(&self, flow: &mut Flow<'_>) -> Result<(), PdfError> {
        let sheet = &mut *flow.sheet;
        let said = |sheet: &mut Sheet| Mark::Content(sheet.element(Kind::Paragraph, flow.section));
        sheet.fill(Column::left(0.0, PAGE_WIDTH), 0.0, 6.0, self.brand);

        // The letterhead: who writes.
        let mark = said(sheet);
        let name = Look::of(FaceName::Bold, 15.0, 19.0, flow.brand);
        let seller = sheet.write(&self.seller.name, name, Column::left(LEFT, ASIDE - 24.0), 34.0, mark)?;
        let mut aside = 36.0;
        for line in self.seller.address.iter().chain(&self.seller.particulars) {
            aside = sheet.write(line, SMALL, Column::left(ASIDE, RIGHT), aside, mark)?;
        }

        // To whom, where the window of an envelope shows it, and beside it what matters.
        let top = seller.max(aside + 9.0).max(112.0);
        let mark = said(sheet);
        let column = Column::left(LEFT, ASIDE - 24.0);
        let mut left = sheet.write(self.customer_label, LABEL, column, top, mark)? + 2.0;
        left = sheet.write(&self.customer.name, NAME, column, left, mark)?;
        for line in &self.customer.address {
            left = sheet.write(line, PLAIN, column, left, mark)?;
        }
        for line in &self.customer.particulars {
            left = sheet.write(line, SMALL, column, left + 1.5, mark)?;
        }
        let mut right = top;
        for (label, value) in &self.facts {
            right =
                put_pair(sheet, (label, SMALL), (value, PLAIN), Column::left(ASIDE, RIGHT), right, flow.section)? + 2.4;
        }
        let due = Look::of(FaceName::Bold, 11.5, 15.0, flow.brand);
        let label = Look::of(FaceName::Bold, 8.6, 15.0, Colour::INK);
        let (name, value) = (self.result.0, self.result.1.as_str());
        sheet.fill(Column::left(ASIDE - 9.0, RIGHT + 9.0), right + 3.0, 25.0, Colour::TINT);
        right =
            put_pair(sheet, (name, label), (value, due), Column::left(ASIDE, RIGHT), right + 8.0, flow.section)? + 5.0;

        // What this is.
        flow.top = left.max(right) + 15.0;
        let heading = Mark::Content(sheet.element(Kind::Heading(self.title.clone()), flow.section));
        let note = sheet.set(&self.table_note, SMALL, RIGHT - LEFT)?;
        let room = RIGHT - sheet.measure(&note) - 20.0;
        let below = sheet.write(&self.title, TITLE, Column::left(LEFT, room), flow.top, heading)?;
        let mark = said(sheet);
        sheet.put(&note, Column::right(LEFT, RIGHT), below - 16.0, mark);
        flow.top = below + 9.0;
        Ok(())
    }

    fn put_sums(&self, flow: &mut Flow<'_>) -> Result<(), PdfError> {
        let column = Column::left(SUMS, RIGHT);
        for sum in &self.sums {
            flow.room(sum.height())?;
            let top = flow.top;
            let bottom = match sum.weight {
                Weight::Plain => {
                    put_pair(flow.sheet, (&sum.label, SMALL), (&sum.value, PLAIN), column, top, flow.section)?
                }
                Weight::Strong => {
                    flow.sheet.fill(column, top + 1.0, 0.8, Colour::INK);
                    put_pair(flow.sheet, (&sum.label, STRONG), (&sum.value, STRONG), column, top + 4.0, flow.section)?
                }
                Weight::Result => {
                    flow.sheet.fill(Column::left(SUMS - 9.0, RIGHT + 9.0), top + 4.0, 25.0, flow.brand);
                    let look = Look::of(FaceName::Bold, 11.0, 15.0, Colour::WHITE);
                    put_pair(flow.sheet, (&sum.label, look), (&sum.value, look), column, top + 9.0, flow.section)?
                }
            };
            flow.top = bottom.max(top + sum.height());
        }
        Ok(())
    }

    /// The seller's foot and the number of the page, on each.
    fn put_feet(&self, sheet: &mut Sheet) -> Result<(), PdfError> {
        let footer = self
            .footer
            .map(|footer| sheet.set(footer, FOOT, RIGHT - LEFT - 90.0))
            .transpose()?
            .map(|footer| footer.at_most(FOOT_LINES));
        let total = sheet.pages.len().to_string();
        let mut pages = std::mem::take(&mut sheet.pages);
        for (place, page) in pages.iter_mut().enumerate() {
            sheet.pages.push(std::mem::take(page));
            sheet.fill(Column::left(LEFT, RIGHT), FOOT_TOP - 6.0, 0.5, Colour::HAIRLINE);
            if let Some(footer) = &footer {
                sheet.put(footer, Column::left(LEFT, RIGHT), FOOT_TOP, Mark::Page);
            }
            let number = place.saturating_add(1).to_string();
            let number = fill(self.texts.invoice.page, &[("page", &number), ("pages", &total)]);
            sheet.write(&number, FOOT, Column::right(RIGHT - 84.0, RIGHT), FOOT_TOP, Mark::Page)?;
        }
        Ok(())
    }
}

impl Sum {
    const fn height(&self) -> f32 {
        match self.weight {
            Weight::Plain => 15.0,
            Weight::Strong => 19.0,
            Weight::Result => 32.0,
        }
    }
}

/// Notes stand at the left, beside the sums.
fn put_notes(flow: &mut Flow<'_>, notes: &[Block]) -> Result<(), PdfError> {
    for note in notes {
        flow.room(note.height())?;
        let mark = flow.paragraph();
        let top = flow.top;
        flow.top = flow.sheet.put(note, NOTES, top, mark) + NOTE_GAP;
    }
    Ok(())
}

/// A label at the left and its value at the right, in one line when both fit; answers where they end.
fn put_pair(
    sheet: &mut Sheet,
    (label, label_look): (&str, Look),
    (value, value_look): (&str, Look),
    column: Column,
    top: f32,
    section: Option<ElementId>,
) -> Result<f32, PdfError> {
    let mark = Mark::Content(sheet.element(Kind::Paragraph, section));
    let value = sheet.set(value, value_look, column.width())?;
    let label = sheet.set(label, label_look, column.width())?;
    let leading = value_look.style.leading;
    if sheet.measure(&label) + sheet.measure(&value) + 8.0 <= column.width() {
        // Both on one baseline, whatever their sizes.
        let lower = (leading - label_look.style.leading) / 2.0 + (value_look.style.size - label_look.style.size) * 0.36;
        sheet.put(&label, column, top + lower, mark);
        Ok(sheet.put(&value, Column { side: Side::Right, ..column }, top, mark))
    } else {
        let below = sheet.put(&label, column, top, mark);
        Ok(sheet.put(&value, Column { side: Side::Right, ..column }, below, mark))
    }
}
