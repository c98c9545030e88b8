//! What a mail says, once as text and once as HTML.

use crate::colour::Colour;

/// A fact worth a line of its own.
pub(super) struct Fact {
    pub(super) label: &'static str,
    pub(super) value: String,
    /// Whether it is the one that matters.
    pub(super) strong: bool,
}

/// A mail, before it is text or HTML: both are made of this, so both say the same.
pub(super) struct Letter {
    pub(super) language: &'static str,
    pub(super) subject: String,
    pub(super) brand: Colour,
    pub(super) seller: String,
    pub(super) greeting: String,
    pub(super) paragraphs: Vec<String>,
    pub(super) facts: Vec<Fact>,
    /// What the button says and where it leads.
    pub(super) button: Option<(String, String)>,
    /// What is said after the facts.
    pub(super) remarks: Vec<String>,
    pub(super) closing: &'static str,
    pub(super) questions: String,
}

impl Letter {
    /// The plain text.
    pub(super) fn text(&self) -> String {
        let mut parts = vec![self.greeting.clone()];
        parts.extend(self.paragraphs.iter().cloned());
        parts.push(
            self.facts.iter().map(|fact| format!("{}: {}", fact.label, fact.value)).collect::<Vec<_>>().join("\n"),
        );
        parts.extend(self.button.iter().map(|(label, url)| format!("{label}:\n{url}")));
        parts.extend(self.remarks.iter().cloned());
        parts.push(format!("{}\n{}", self.closing, self.seller));
        parts.push(format!("-- \n{}", self.questions));
        // Plain text has no need of blanks that keep lines together, and some readers show them as boxes.
        parts.join("\n\n").replace('\u{a0}', " ") + "\n"
    }

    /// The HTML: tables for the layout, because mail readers know nothing newer; a second palette for the dark.
    pub(super) fn html(&self) -> String {
        let brand = self.brand.readable().css();
        let (language, subject, seller) = (self.language, escape(&self.subject), escape(&self.seller));
        let paragraph = |text: &String| format!("<p>{}</p>\n", escape(text));
        let lead: String = std::iter::once(&self.greeting).chain(&self.paragraphs).map(paragraph).collect();
        let remarks: String = self.remarks.iter().map(paragraph).collect();
        let preview = self.paragraphs.first().map(|text| escape(text)).unwrap_or_default();
        let facts: String = self.facts.iter().map(Fact::html).collect();
        let button = self.button.as_ref().map(|(label, url)| button(&brand, label, url)).unwrap_or_default();
        let (closing, questions) = (escape(self.closing), escape(&self.questions));
        format!(
            "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"supported-color-schemes\" content=\"light dark\">\n\
             <title>{subject}</title>\n<style>\n{STYLE}</style>\n</head>\n<body class=\"page\">\n\
             <div class=\"preview\">{preview}</div>\n\
             <table role=\"presentation\" class=\"page\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"><tr>\
             <td align=\"center\" class=\"frame\">\n\
             <table role=\"presentation\" class=\"card\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\">\n\
             <tr><td height=\"6\" style=\"height:6px;line-height:6px;font-size:0;background:{brand}\">&nbsp;</td></tr>\n\
             <tr><td class=\"body\">\n<p class=\"seller\">{seller}</p>\n{lead}\
             <table class=\"facts\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\">\n{facts}</table>\n\
             {button}{remarks}<p>{closing}<br>{seller}</p>\n</td></tr>\n\
             <tr><td class=\"foot\">{questions}</td></tr>\n</table>\n</td></tr></table>\n</body>\n</html>\n"
        )
    }
}

impl Fact {
    fn html(&self) -> String {
        let class = if self.strong { " class=\"strong\"" } else { "" };
        format!("<tr{class}><th scope=\"row\">{}</th><td>{}</td></tr>\n", escape(self.label), escape(&self.value))
    }
}

fn button(brand: &str, label: &str, url: &str) -> String {
    format!(
        "<table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" class=\"action\"><tr>\
         <td style=\"background:{brand};border-radius:6px\"><a href=\"{}\" style=\"display:inline-block;padding:12px 26px;\
         color:#ffffff;font-weight:600;text-decoration:none;border-radius:6px\">{}</a></td></tr></table>\n",
        escape(url),
        escape(label)
    )
}

/// For text and for attributes in quotation marks.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{a0}' => escaped.push_str("&nbsp;"),
            other => escaped.push(other),
        }
    }
    escaped
}

const STYLE: &str = include_str!("style.css");
