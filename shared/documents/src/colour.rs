//! The seller's colour, made safe to read.

/// A colour of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Colour {
    pub(crate) red: u8,
    pub(crate) green: u8,
    pub(crate) blue: u8,
}

/// The contrast that WCAG 2 asks for between text and what is behind it, in thousandths.
const READABLE: u64 = 4_500;

impl Colour {
    pub(crate) const INK: Self = Self::of(0x1d, 0x25, 0x30);
    pub(crate) const MUTED: Self = Self::of(0x5b, 0x65, 0x73);
    pub(crate) const HAIRLINE: Self = Self::of(0xd9, 0xde, 0xe5);
    pub(crate) const TINT: Self = Self::of(0xf3, 0xf5, 0xf8);
    pub(crate) const WHITE: Self = Self::of(0xff, 0xff, 0xff);
    /// For sellers who named none.
    const HOUSE: Self = Self::of(0x1f, 0x4b, 0x7a);

    pub(crate) const fn of(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }

    /// A seller's colour from `#rrggbb`; the house colour when there is none or it is none.
    pub(crate) fn brand(text: Option<&str>) -> Self {
        text.and_then(Self::parse).unwrap_or(Self::HOUSE)
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text
            .strip_prefix('#')
            .filter(|digits| digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        let part = |from: usize, to: usize| u8::from_str_radix(digits.get(from..to)?, 16).ok();
        Some(Self::of(part(0, 2)?, part(2, 4)?, part(4, 6)?))
    }

    /// The colour as `#rrggbb`.
    pub(crate) fn css(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }

    /// The same hue, as dark as text on white paper has to be.
    pub(crate) fn readable(self) -> Self {
        let mut colour = self;
        while colour.contrast_with_white() < READABLE {
            let darker = |part: u8| part.saturating_sub((part / 16).max(1));
            colour = Self::of(darker(colour.red), darker(colour.green), darker(colour.blue));
        }
        colour
    }

    /// The contrast to white by WCAG 2, in thousandths: from 1,000 to 21,000.
    fn contrast_with_white(self) -> u64 {
        // 1.05 ÷ (luminance + 0.05), with luminances in millionths.
        1_050_000_000_u64.checked_div(self.luminance().saturating_add(50_000)).unwrap_or(u64::MAX)
    }

    /// The relative luminance, in millionths; the curve of sRGB is taken as its usual approximation, a square.
    fn luminance(self) -> u64 {
        let linear = |part: u8, weight: u64| {
            let part = u64::from(part);
            part.saturating_mul(part).saturating_mul(weight) / 65_025
        };
        linear(self.red, 212_600).saturating_add(linear(self.green, 715_200)).saturating_add(linear(self.blue, 72_200))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dark_colour_is_left_alone_and_a_light_one_made_readable() {
        let navy = Colour::brand(Some("#0b2545"));
        assert_eq!(navy.readable(), navy);
        for light in ["#ffff00", "#ffffff", "#00ff88", "#ff9900"] {
            let text = Colour::brand(Some(light)).readable();
            assert!(text.contrast_with_white() >= READABLE, "{light} became {}", text.css());
        }
    }

    #[test]
    fn what_is_no_colour_is_the_house_colour() {
        for text in ["", "red", "#12345", "#1234567", "#gggggg", "#+1+1+1", "1f4b7a", "#ééé"] {
            assert_eq!(Colour::brand(Some(text)), Colour::HOUSE, "{text}");
        }
        assert_eq!(Colour::brand(Some("#C0ffee")).css(), "#c0ffee");
    }
}
