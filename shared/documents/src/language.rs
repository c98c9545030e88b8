//! Everything a person reads comes from a language file; so do the formats of dates, numbers and amounts.
//!
//! Each file of `languages/` becomes one [`Texts`] when the crate is built. A language that has no file is English.

mod format;

pub mod texts;

pub(crate) use self::format::look_up;
pub use self::texts::Texts;
use saldo_billing::party::Language;

#[allow(unreachable_pub, reason = "made by build.rs")]
mod files {
    use super::texts::*;
    include!(concat!(env!("OUT_DIR"), "/languages.rs"));
}

impl Texts {
    /// The texts of a language; English where there are none.
    ///
    /// ```
    /// # use saldo_documents::language::Texts;
    /// assert_eq!(Texts::of(&"de".parse()?).invoice.title, "Rechnung");
    /// assert_eq!(Texts::of(&"xx".parse()?).code, "en");
    /// # Ok::<(), saldo_billing::party::PartyError>(())
    /// ```
    #[must_use]
    pub fn of(language: &Language) -> &'static Self {
        Self::all().iter().find(|texts| texts.code == language.as_str()).copied().unwrap_or(&files::EN)
    }

    /// All languages, in the order of their codes.
    #[must_use]
    pub fn all() -> &'static [&'static Self] {
        files::ALL
    }
}

/// Puts the values in the places of a text that are named in braces; what has no value stays as it is.
///
/// ```
/// # use saldo_documents::language::fill;
/// assert_eq!(fill("{number} from {seller}", &[("number", "INV-000042"), ("seller", "{number} GmbH")]), "INV-000042 from {number} GmbH");
/// ```
#[must_use]
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len().saturating_mul(2));
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let value = after.split_once('}').and_then(|(name, after)| {
            values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value, after))
        });
        if let Some((value, after)) = value {
            filled.push_str(value);
            rest = after;
        } else {
            filled.push('{');
            rest = after;
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests;
