//! Turns each file of `languages/` into a constant, so that a language is added by one file and a key it lacks does not compile.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The sections of a language file, and the types of `src/language/texts.rs` that they become.
const SECTIONS: [(&str, &str); 12] = [
    ("format", "Format"),
    ("invoice", "InvoiceTexts"),
    ("mail", "MailTexts"),
    ("mail.issued", "IssuedTexts"),
    ("mail.before_due", "ReminderTexts"),
    ("mail.due_today", "ReminderTexts"),
    ("mail.overdue", "ReminderTexts"),
    ("mail.overdue_again", "ReminderTexts"),
    ("mail.overdue_last", "ReminderTexts"),
    ("mail.receipt", "ReceiptTexts"),
    ("mail.payment_failed", "PaymentFailedTexts"),
    ("", "Texts"),
];

/// The sections whose keys are not of ours: they become sorted lists to look up in.
const LISTS: [&str; 4] = ["methods", "tax_ids", "signs", "countries"];

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    println!("cargo::rerun-if-changed=languages");
    println!("cargo::rerun-if-changed=build.rs");
    let mut files: Vec<PathBuf> = fs::read_dir("languages")?
        .map(|entry| entry.map(|entry| entry.path()))
        .filter(|path| path.as_ref().map_or(true, |path| path.extension().is_some_and(|extension| extension == "toml")))
        .collect::<Result<_, _>>()?;
    files.sort();

    let mut code = String::new();
    let mut all = String::new();
    for file in &files {
        let language = file.file_stem().and_then(|stem| stem.to_str()).ok_or("a language file without a name")?;
        if language.len() != 2 || !language.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return Err(format!("{}: expected a two-letter language code as the file's name", file.display()).into());
        }
        let table: toml::Table =
            fs::read_to_string(file)?.parse().map_err(|error| format!("{}: {error}", file.display()))?;
        let name = language.to_uppercase();
        writeln!(code, "pub(super) static {name}: Texts = {};", section("", &table, language, file)?)?;
        write!(all, "&{name}, ")?;
    }
    writeln!(code, "pub(super) static ALL: &[&Texts] = &[{all}];")?;
    #[expect(clippy::disallowed_methods, reason = "how cargo tells a build script where its output goes")]
    let target = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    fs::write(Path::new(&target).join("languages.rs"), code)?;
    Ok(())
}

/// The expression for the section at `path`.
fn section(path: &str, table: &toml::Table, language: &str, file: &Path) -> Result<String, Failure> {
    let (_, name) = SECTIONS
        .iter()
        .find(|(section, _)| *section == path)
        .ok_or_else(|| format!("{}: there is no section [{path}]", file.display()))?;
    let mut fields = if path.is_empty() { format!("code: {language:?}, ") } else { String::new() };
    for (key, value) in table {
        let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let value = match value {
            toml::Value::String(text) => format!("{text:?}"),
            toml::Value::Table(list) if LISTS.contains(&inner.as_str()) => pairs(&inner, list, file)?,
            toml::Value::Table(table) => section(&inner, table, language, file)?,
            toml::Value::Integer(_)
            | toml::Value::Float(_)
            | toml::Value::Boolean(_)
            | toml::Value::Datetime(_)
            | toml::Value::Array(_) => return Err(format!("{}: expected a text at {inner}", file.display()).into()),
        };
        write!(fields, "{key}: {value}, ")?;
    }
    Ok(format!("{name} {{ {fields}}}"))
}

/// The sorted list of the keys and texts of a section.
fn pairs(path: &str, list: &toml::Table, file: &Path) -> Result<String, Failure> {
    let mut texts = Vec::new();
    for (key, value) in list {
        let text = value.as_str().ok_or_else(|| format!("{}: expected a text at {path}.{key}", file.display()))?;
        texts.push((key, text));
    }
    texts.sort_unstable();
    Ok(format!("&{texts:?}"))
}
