//! Pages into a file: PDF/A-3a and PDF/UA-1, the same to the byte for the same pages.

use std::num::NonZeroU16;

use chrono::{DateTime, Datelike, Timelike, Utc};
use krilla::Document;
use krilla::SerializeSettings;
use krilla::color::rgb;
use krilla::configure::{Accessibility, Archival, Configuration, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::error::KrillaError;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{Metadata, TextDirection};
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, Node, SpanTag, TableHeaderScope, Tag, TagGroup, TagKind, TagTree,
};

use super::PdfError;
use super::sheet::{Item, Kind, Mark, PAGE_HEIGHT, PAGE_WIDTH, Sheet};
use crate::colour::Colour;

/// What a file says about itself.
pub(super) struct Properties {
    pub(super) title: String,
    pub(super) author: String,
    pub(super) language: &'static str,
    /// An id that only this document has.
    pub(super) id: String,
    pub(super) issued_at: DateTime<Utc>,
}

/// Writes the file.
///
/// # Errors
/// When the writer refuses, or a font cannot be read.
pub(super) fn file(sheet: &Sheet, properties: &Properties) -> Result<Vec<u8>, PdfError> {
    let archival = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A3_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .unwrap_or_default();
    let written = match write(sheet, properties, archival)? {
        // Somebody's text found a rule of PDF/A that we do not know: an invoice without the label is better than none.
        Err(KrillaError::Validation(_)) => write(sheet, properties, Configuration::default())?,
        written => written,
    };
    written.map_err(|source| PdfError::Write { title: properties.title.clone(), source })
}

fn write(
    sheet: &Sheet,
    properties: &Properties,
    configuration: Configuration,
) -> Result<Result<Vec<u8>, KrillaError>, PdfError> {
    let settings = SerializeSettings { configuration, ..SerializeSettings::default() };
    let mut document = Document::new_with(settings);
    let mut marks: Vec<Vec<Identifier>> = sheet.elements.iter().map(|_element| Vec::new()).collect();
    for page in &sheet.pages {
        let size = PageSettings::from_wh(PAGE_WIDTH, PAGE_HEIGHT).unwrap_or_default();
        let mut target = document.start_page_with(size);
        let mut surface = target.surface();
        for run in page.chunk_by(|one, other| mark_of(one) == mark_of(other)) {
            let Some(first) = run.first() else { continue };
            match mark_of(first) {
                Mark::Content(element) => {
                    let identifier = surface.start_tagged(ContentTag::Span(SpanTag::empty()));
                    if let Some(marks) = marks.get_mut(element.place()) {
                        marks.push(identifier);
                    }
                }
                Mark::Page => {
                    surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::PaginationOther)));
                }
            }
            for item in run {
                paint(&mut surface, sheet, item)?;
            }
            surface.end_tagged();
        }
        surface.finish();
        target.finish();
    }
    document.set_tag_tree(tree(sheet, marks, properties.language));
    let mut outline = Outline::new();
    outline.push_child(OutlineNode::new(properties.title.clone(), XyzDestination::new(0, Point::from_xy(0.0, 0.0))));
    document.set_outline(outline);
    document.set_metadata(metadata(properties));
    Ok(document.finish().map(without_suspects))
}

/// Blanks out `/Suspects false`, which says what is true without it: readers built on poppler before 23 call it an error.
fn without_suspects(mut file: Vec<u8>) -> Vec<u8> {
    const SAID: &[u8] = b"/Suspects false";
    // It stands in the catalogue, near the end of the file, in the clear.
    if let Some(place) = file.windows(SAID.len()).rposition(|window| window == SAID) {
        file.iter_mut().skip(place).take(SAID.len()).for_each(|byte| *byte = b' ');
    }
    file
}

const fn mark_of(item: &Item) -> Mark {
    match item {
        Item::Line { mark, .. } => *mark,
        Item::Area { .. } => Mark::Page,
    }
}

fn paint(surface: &mut Surface<'_>, sheet: &Sheet, item: &Item) -> Result<(), PdfError> {
    match item {
        Item::Area { left, top, width, height, colour } => {
            let mut path = PathBuilder::new();
            if let Some(area) = Rect::from_xywh(*left, *top, *width, *height) {
                path.push_rect(area);
            }
            if let Some(path) = path.finish() {
                surface.set_fill(Some(fill(*colour)));
                surface.draw_path(&path);
            }
        }
        Item::Line { text, line, left, baseline, size, colour, mark: _ } => {
            let Some(text) = sheet.text(*text) else { return Ok(()) };
            surface.set_fill(Some(fill(*colour)));
            for (face, offset, run) in text.runs(line.clone()) {
                let start = Point::from_xy(left + offset * size, *baseline);
                surface.draw_glyphs(start, run, face.face()?.font.clone(), &text.text, *size, false);
            }
        }
    }
    Ok(())
}

fn fill(colour: Colour) -> Fill {
    let paint = rgb::Color::new(colour.red, colour.green, colour.blue).into();
    Fill { paint, opacity: NormalizedF32::ONE, rule: FillRule::NonZero }
}

/// The structure, with what was painted for each element.
fn tree(sheet: &Sheet, marks: Vec<Vec<Identifier>>, language: &str) -> TagTree {
    let mut tree = TagTree::new().with_lang(Some(language.to_owned()));
    let mut groups: Vec<Option<TagGroup>> = sheet
        .elements
        .iter()
        .zip(marks)
        .map(|(element, marks)| {
            Some(TagGroup::with_children(tag(&element.kind), marks.into_iter().map(Node::Leaf).collect()))
        })
        .collect();
    // Children come after their parents: going backwards, each group is whole when it is handed to its parent.
    for place in (0..groups.len()).rev() {
        let Some(mut group) = groups.get_mut(place).and_then(Option::take) else { continue };
        if matches!(group.children.first(), Some(Node::Group(_))) {
            group.children.reverse();
        }
        match sheet.elements.get(place).and_then(|element| element.parent) {
            Some(parent) => {
                if let Some(Some(parent)) = groups.get_mut(parent.place()) {
                    parent.push(group);
                }
            }
            None => tree.push(group),
        }
    }
    tree
}

fn tag(kind: &Kind) -> TagKind {
    match kind {
        Kind::Section => Tag::Section.into(),
        Kind::Heading(title) => Tag::Hn(NonZeroU16::MIN, Some(title.clone())).into(),
        Kind::Paragraph => Tag::P.into(),
        Kind::Table => Tag::Table.into(),
        Kind::TableHead => Tag::THead.into(),
        Kind::TableBody => Tag::TBody.into(),
        Kind::Row => Tag::TR.into(),
        Kind::ColumnTitle => Tag::TH(TableHeaderScope::Column).into(),
        Kind::RowTitle => Tag::TH(TableHeaderScope::Row).into(),
        Kind::Cell => Tag::TD.into(),
    }
}

fn metadata(properties: &Properties) -> Metadata {
    let at = properties.issued_at;
    let part = |number: u32| u8::try_from(number).unwrap_or(0);
    let created = krilla::metadata::DateTime::new(u16::try_from(at.year()).unwrap_or(0))
        .month(part(at.month()))
        .day(part(at.day()))
        .hour(part(at.hour()))
        .minute(part(at.minute()))
        .second(part(at.second()))
        .utc_offset_hour(0);
    Metadata::new()
        .title(properties.title.clone())
        .authors(vec![properties.author.clone()])
        .creator("Saldo".to_owned())
        .language(properties.language.to_owned())
        .document_id(properties.id.clone())
        .creation_date(created)
        .text_direction(TextDirection::LeftToRight)
}
