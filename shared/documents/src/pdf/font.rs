//! The faces that documents are set in, parsed once per process.

use std::sync::{Arc, OnceLock};

use krilla::text::Font;
use skrifa::charmap::Charmap;
use skrifa::instance::{LocationRef, Size};
use skrifa::metrics::GlyphMetrics;
use skrifa::{FontRef, MetadataProvider};

use super::PdfError;

/// Which face a sign is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaceName {
    Regular,
    Bold,
    /// Chinese and Japanese, in one weight.
    Cjk,
}

/// A font, read for measuring and for embedding.
pub(super) struct Face {
    pub(super) font: Font,
    charmap: Charmap<'static>,
    metrics: GlyphMetrics<'static>,
    units_per_em: f32,
}

/// A sign in a face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sign {
    pub(super) glyph: u32,
    /// How wide it is, as a share of the type size.
    pub(super) advance: f32,
}

static REGULAR: OnceLock<Option<Face>> = OnceLock::new();
static BOLD: OnceLock<Option<Face>> = OnceLock::new();
static CJK: OnceLock<Option<Face>> = OnceLock::new();

impl FaceName {
    /// The face itself; the first call reads it.
    pub(super) fn face(self) -> Result<&'static Face, PdfError> {
        let (cell, file): (_, &'static [u8]) = match self {
            Self::Regular => (&REGULAR, include_bytes!("../../fonts/NotoSans-Regular.ttf")),
            Self::Bold => (&BOLD, include_bytes!("../../fonts/NotoSans-Bold.ttf")),
            Self::Cjk => (&CJK, include_bytes!("../../fonts/NotoSansCJKsc-Regular.otf")),
        };
        cell.get_or_init(|| Face::read(file)).as_ref().ok_or(PdfError::Font { face: self.name() })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Regular => "NotoSans-Regular.ttf",
            Self::Bold => "NotoSans-Bold.ttf",
            Self::Cjk => "NotoSansCJKsc-Regular.otf",
        }
    }
}

impl Face {
    fn read(file: &'static [u8]) -> Option<Self> {
        let parsed = FontRef::new(file).ok()?;
        let data: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::new(file);
        let font = Font::new(data.into(), 0)?;
        Some(Self {
            units_per_em: font.units_per_em(),
            font,
            charmap: parsed.charmap(),
            metrics: parsed.glyph_metrics(Size::unscaled(), LocationRef::default()),
        })
    }

    /// The sign for a character, if the face has one.
    pub(super) fn sign(&self, character: char) -> Option<Sign> {
        let glyph = self.charmap.map(character)?;
        let advance = self.metrics.advance_width(glyph)? / self.units_per_em;
        Some(Sign { glyph: glyph.to_u32(), advance })
    }
}

/// The sign for a character, from the face asked for, or from the one that has it; none when none has.
pub(super) fn sign(character: char, wanted: FaceName) -> Result<Option<(FaceName, Sign)>, PdfError> {
    if let Some(sign) = wanted.face()?.sign(character) {
        return Ok(Some((wanted, sign)));
    }
    // Only now, so that a document without Chinese never reads the large face.
    if may_be_cjk(character)
        && let Some(sign) = FaceName::Cjk.face()?.sign(character)
    {
        return Ok(Some((FaceName::Cjk, sign)));
    }
    Ok(None)
}

/// What stands in the place of a character that no face has: people see that something is missing, and read the same.
pub(super) const MISSING: char = '□';

fn may_be_cjk(character: char) -> bool {
    matches!(character, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..)
}
