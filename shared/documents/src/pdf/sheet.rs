//! Pages to be painted: what stands where, and what it means to somebody who hears the document read.

use std::ops::Range;

use super::PdfError;
use super::font::FaceName;
use super::text::{Shaped, Style};
use crate::colour::Colour;

/// A4, in points.
pub(super) const PAGE_WIDTH: f32 = 595.28;
pub(super) const PAGE_HEIGHT: f32 = 841.89;
/// The edges of what is printed.
pub(super) const LEFT: f32 = 56.7;
pub(super) const RIGHT: f32 = 538.6;

/// A text of the sheet.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextId(usize);

/// An element of the document's structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ElementId(usize);

impl ElementId {
    /// Its place among the elements.
    pub(super) const fn place(self) -> usize {
        self.0
    }
}

/// What an element is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Section,
    Heading(String),
    Paragraph,
    Table,
    TableHead,
    TableBody,
    Row,
    ColumnTitle,
    RowTitle,
    Cell,
}

/// To what a thing on the page belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// To the document's content.
    Content(ElementId),
    /// To the page: rules, page numbers, what is repeated.
    Page,
}

#[derive(Debug)]
pub(super) struct Element {
    pub(super) kind: Kind,
    pub(super) parent: Option<ElementId>,
}

/// A thing on a page.
#[derive(Debug)]
pub(super) enum Item {
    /// A line of a text, from its left end on the baseline.
    Line { text: TextId, line: Range<usize>, left: f32, baseline: f32, size: f32, colour: Colour, mark: Mark },
    /// A filled rectangle.
    Area { left: f32, top: f32, width: f32, height: f32, colour: Colour },
}

/// To which side of its column a text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// A column of the page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) left: f32,
    pub(super) right: f32,
    pub(super) side: Side,
}

impl Column {
    pub(super) const fn left(left: f32, right: f32) -> Self {
        Self { left, right, side: Side::Left }
    }

    pub(super) const fn right(left: f32, right: f32) -> Self {
        Self { left, right, side: Side::Right }
    }

    pub(super) fn width(self) -> f32 {
        self.right - self.left
    }
}

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) style: Style,
    pub(super) colour: Colour,
}

impl Look {
    pub(super) const fn of(face: FaceName, size: f32, leading: f32, colour: Colour) -> Self {
        Self { style: Style { face, size, leading }, colour }
    }
}

/// A text that is set, with the lines it takes.
#[derive(Debug, Clone)]
pub(super) struct Block {
    text: TextId,
    lines: Vec<Range<usize>>,
    look: Look,
}

impl Block {
    /// Cut after so many lines.
    pub(super) fn at_most(mut self, lines: usize) -> Self {
        self.lines.truncate(lines);
        self
    }

    pub(super) fn height(&self) -> f32 {
        self.lines.iter().map(|_line| self.look.style.leading).sum()
    }
}

/// The pages of a document.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    pub(super) pages: Vec<Vec<Item>>,
    pub(super) elements: Vec<Element>,
    texts: Vec<Shaped>,
}

impl Sheet {
    pub(super) fn text(&self, id: TextId) -> Option<&Shaped> {
        self.texts.get(id.0)
    }

    /// Begins a page; what is put from now on is put there.
    pub(super) fn begin_page(&mut self) {
        self.pages.push(Vec::new());
    }

    /// Adds an element to the structure, after those that were added before.
    pub(super) fn element(&mut self, kind: Kind, parent: Option<ElementId>) -> ElementId {
        self.elements.push(Element { kind, parent });
        ElementId(self.elements.len().saturating_sub(1))
    }

    /// Sets a text for a column.
    pub(super) fn set(&mut self, text: &str, look: Look, width: f32) -> Result<Block, PdfError> {
        let shaped = Shaped::new(text, look.style.face)?;
        let lines = shaped.lines(width / look.style.size);
        self.texts.push(shaped);
        Ok(Block { text: TextId(self.texts.len().saturating_sub(1)), lines, look })
    }

    /// How wide a text is when it stands in one line.
    pub(super) fn measure(&self, block: &Block) -> f32 {
        let Some(text) = self.text(block.text) else { return 0.0 };
        text.width(text.whole()) * block.look.style.size
    }

    /// Puts a block below `top`; answers where it ends.
    pub(super) fn put(&mut self, block: &Block, column: Column, top: f32, mark: Mark) -> f32 {
        let Look { style, colour } = block.look;
        let mut bottom = top;
        for line in &block.lines {
            let width = self.text(block.text).map_or(0.0, |text| text.width(line.clone())) * style.size;
            let left = match column.side {
                Side::Left => column.left,
                Side::Right => column.right - width,
            };
            // The line's box is its leading; the letters stand a little below its middle.
            let baseline = bottom + style.leading / 2.0 + style.size * 0.36;
            let line = line.clone();
            self.item(Item::Line { text: block.text, line, left, baseline, size: style.size, colour, mark });
            bottom += style.leading;
        }
        bottom
    }

    /// Sets a text and puts it below `top`; answers where it ends.
    pub(super) fn write(
        &mut self,
        text: &str,
        look: Look,
        column: Column,
        top: f32,
        mark: Mark,
    ) -> Result<f32, PdfError> {
        let block = self.set(text, look, column.width())?;
        Ok(self.put(&block, column, top, mark))
    }

    /// Fills an area.
    pub(super) fn fill(&mut self, column: Column, top: f32, height: f32, colour: Colour) {
        self.item(Item::Area { left: column.left, top, width: column.width(), height, colour });
    }

    fn item(&mut self, item: Item) {
        if let Some(page) = self.pages.last_mut() {
            page.push(item);
        }
    }
}
