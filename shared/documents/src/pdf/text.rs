//! Text as glyphs: measured, wrapped, cut into runs of one face.

use std::ops::Range;

use krilla::surface::Location;
use krilla::text::{Glyph, GlyphId};
use unicode_linebreak::{BreakOpportunity, linebreaks};
use unicode_normalization::UnicodeNormalization;

use super::PdfError;
use super::font::{FaceName, MISSING, Sign, sign};

/// How a text is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Style {
    pub(super) face: FaceName,
    pub(super) size: f32,
    /// From one baseline to the next.
    pub(super) leading: f32,
}

/// One glyph of a text.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    face: FaceName,
    glyph: u32,
    advance: f32,
    /// Where its character is in the text.
    range: Range<usize>,
    blank: bool,
    /// Whether a line may, or must, end after it.
    end: Option<BreakOpportunity>,
}

/// A text, set and measured.
#[derive(Debug, Clone)]
pub(super) struct Shaped {
    pub(super) text: String,
    glyphs: Vec<Placed>,
}

impl Glyph for Placed {
    fn glyph_id(&self) -> GlyphId {
        GlyphId::new(self.glyph)
    }

    fn text_range(&self) -> Range<usize> {
        self.range.clone()
    }

    fn x_advance(&self, size: f32) -> f32 {
        self.advance * size
    }

    fn x_offset(&self, _size: f32) -> f32 {
        0.0
    }

    fn y_offset(&self, _size: f32) -> f32 {
        0.0
    }

    fn y_advance(&self, _size: f32) -> f32 {
        0.0
    }

    fn location(&self) -> Option<Location> {
        None
    }
}

impl Shaped {
    /// Sets a text in a face, with the CJK face and the box for what it lacks.
    pub(super) fn new(text: &str, face: FaceName) -> Result<Self, PdfError> {
        let clean = clean(text);
        let mut shaped = Self { text: String::with_capacity(clean.len()), glyphs: Vec::with_capacity(clean.len()) };
        let mut breaks = linebreaks(&clean).peekable();
        for (place, character) in clean.char_indices() {
            let after = place.saturating_add(character.len_utf8());
            let end = breaks.next_if(|(at, _)| *at <= after).map(|(_, end)| end);
            // Who copies the text wants plain blanks.
            let character = if matches!(character, '\n' | '\u{a0}' | '\u{202f}') { ' ' } else { character };
            let (character, (face, sign)) = match sign(character, face)? {
                Some(found) => (character, found),
                None => (MISSING, sign(MISSING, face)?.unwrap_or((face, Sign { glyph: 0, advance: 0.6 }))),
            };
            let start = shaped.text.len();
            shaped.text.push(character);
            let blank = character == ' ';
            let range = start..shaped.text.len();
            shaped.glyphs.push(Placed { face, glyph: sign.glyph, advance: sign.advance, range, blank, end });
        }
        Ok(shaped)
    }

    /// All of it as one line.
    pub(super) fn whole(&self) -> Range<usize> {
        0..self.glyphs.len()
    }

    /// How wide a line of it is, as a share of the type size.
    pub(super) fn width(&self, line: Range<usize>) -> f32 {
        self.line(line).iter().map(|glyph| glyph.advance).sum()
    }

    /// The lines it takes in a column that is `room` wide, as a share of the type size.
    pub(super) fn lines(&self, room: f32) -> Vec<Range<usize>> {
        let mut lines = Vec::new();
        let (mut start, mut width) = (0, 0.0);
        let mut last_break = None;
        for (place, glyph) in self.glyphs.iter().enumerate() {
            let next = place.saturating_add(1);
            if width + glyph.advance > room && !glyph.blank && place > start {
                // A word longer than the column is cut where the column ends.
                let end = last_break.take().unwrap_or(place);
                lines.push(self.trimmed(start..end));
                width = self.width(end..place);
                start = end;
            }
            width += glyph.advance;
            match glyph.end {
                Some(BreakOpportunity::Mandatory) => {
                    lines.push(self.trimmed(start..next));
                    (start, width, last_break) = (next, 0.0, None);
                }
                Some(BreakOpportunity::Allowed) => last_break = Some(next),
                None => {}
            }
        }
        if start < self.glyphs.len() {
            lines.push(self.trimmed(start..self.glyphs.len()));
        }
        lines
    }

    /// The runs of one face in a line, each with how far it is from the line's start as a share of the type size.
    pub(super) fn runs(&self, line: Range<usize>) -> impl Iterator<Item = (FaceName, f32, &[Placed])> {
        let mut offset = 0.0;
        self.line(line).chunk_by(|one, other| one.face == other.face).filter_map(move |run| {
            let start = offset;
            offset += run.iter().map(|glyph| glyph.advance).sum::<f32>();
            run.first().map(|first| (first.face, start, run))
        })
    }

    fn line(&self, line: Range<usize>) -> &[Placed] {
        self.glyphs.get(line).unwrap_or_default()
    }

    /// Without the blanks at its end.
    fn trimmed(&self, line: Range<usize>) -> Range<usize> {
        let blanks = self.line(line.clone()).iter().rev().take_while(|glyph| glyph.blank).count();
        line.start..line.end.saturating_sub(blanks)
    }
}

/// Composed letters, as fonts have them, without what cannot be seen.
fn clean(text: &str) -> String {
    text.trim()
        .nfc()
        .filter_map(|character| match character {
            '\n' | '\u{2028}' | '\u{2029}' => Some('\n'),
            '\t' => Some(' '),
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => None,
            '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}' => None,
            '\u{fffe}' | '\u{ffff}' => None,
            control if control.is_control() => None,
            other => Some(other),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrap(text: &str, room: f32) -> Vec<String> {
        let shaped = Shaped::new(text, FaceName::Regular).unwrap();
        let placed =
            |line: Range<usize>| shaped.line(line).iter().map(|glyph| &shaped.text[glyph.range.clone()]).collect();
        shaped.lines(room).into_iter().map(placed).collect()
    }

    #[test]
    fn lines_end_between_words_and_never_begin_with_a_blank() {
        let lines = wrap("Consulting on site, three days in Zürich", 12.0);
        assert_eq!(lines, ["Consulting on site, three", "days in Zürich"]);
    }

    #[test]
    fn a_word_longer_than_the_column_is_cut() {
        let lines = wrap("Donaudampfschifffahrtsgesellschaft", 6.0);
        assert!(lines.len() > 2 && lines.concat() == "Donaudampfschifffahrtsgesellschaft", "{lines:?}");
        assert_eq!(wrap("WW", 0.1), ["W", "W"], "a column too narrow for a letter still ends");
    }

    #[test]
    fn chinese_is_wrapped_without_blanks_and_not_before_a_full_stop() {
        assert_eq!(wrap("北京市朝阳区建国路。", 9.5), ["北京市朝阳区建国", "路。"]);
    }

    #[test]
    fn a_line_break_in_the_text_is_kept() {
        assert_eq!(wrap("one\ntwo", 100.0), ["one", "two"]);
    }

    #[test]
    fn nothing_is_no_lines() {
        assert!(wrap("", 10.0).is_empty() && wrap(" \n ", 10.0).is_empty());
    }

    #[test]
    fn each_character_comes_from_a_face_that_has_it_or_is_a_box() {
        let faces = |text: &str| -> Vec<_> {
            let shaped = Shaped::new(text, FaceName::Bold).unwrap();
            shaped.runs(shaped.whole()).map(|(face, _, run)| (face, run.len())).collect()
        };
        assert_eq!(faces("Größe ł Ω Ж"), [(FaceName::Bold, 11)]);
        assert_eq!(faces("Zoë 名前"), [(FaceName::Bold, 4), (FaceName::Cjk, 2)]);
        assert_eq!(faces("안"), [(FaceName::Bold, 1)]);
        let missing = Shaped::new("안", FaceName::Bold).unwrap();
        assert_eq!(missing.glyphs[0].glyph, FaceName::Bold.face().unwrap().sign(MISSING).unwrap().glyph);
        assert_ne!(missing.glyphs[0].glyph, 0, "the box is a glyph of its own, so that the file stays valid");
    }

    #[test]
    fn letters_and_accents_are_composed_and_what_cannot_be_seen_is_left_out() {
        assert_eq!(clean("e\u{301}\u{200b}\u{202e}x\u{7}"), "éx");
        let shaped = Shaped::new("1\u{a0}€ \u{e001}", FaceName::Regular).unwrap();
        assert_eq!(shaped.text, "1 € □", "plain blanks, and a box for a private character");
    }

    #[test]
    fn every_character_of_gb_2312_level_1_is_there() {
        // Its first, its last, and what customers' addresses are made of; the whole list is checked where the font is made.
        for character in "啊座名前北京市上海深圳广州街道路号楼省区县有限公司東京都渋谷区臺灣龍".chars()
        {
            let (face, _) = sign(character, FaceName::Regular).unwrap().unwrap();
            assert_eq!(face, FaceName::Cjk, "{character}");
        }
    }
}
