//! A mail as it goes over the wire.

use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::mime::MimePart;
use sha2::{Digest, Sha256};

use super::{Mail, Mailbox};

impl Mail {
    /// The message by RFC 5322, the same to the byte for the same mail.
    #[must_use]
    pub fn mime(&self) -> Vec<u8> {
        let text = MimePart::new("text/plain", self.text.as_str());
        let html = MimePart::new("text/html", self.html.as_str());
        let mut body = MimePart::new(self.multipart("multipart/alternative"), vec![text, html]);
        if !self.attachments.is_empty() {
            let files = self.attachments.iter().map(|file| {
                MimePart::new(file.content_type, file.bytes.as_slice()).attachment(file.file_name.as_str())
            });
            let parts = std::iter::once(body).chain(files).collect::<Vec<_>>();
            body = MimePart::new(self.multipart("multipart/mixed"), parts);
        }
        let message = MessageBuilder::new()
            .from(address(&self.from))
            .to(address(&self.to))
            .reply_to(address(&self.reply_to))
            .subject(Text::new(self.subject.as_str()))
            .date(Date::new(self.date.timestamp()))
            .message_id(self.message_id.as_str())
            // A machine wrote it: no out-of-office answers, please (RFC 3834).
            .header("Auto-Submitted", Raw::new("auto-generated"))
            .header("Content-Language", Raw::new(self.language))
            .body(body);
        let mut bytes = Vec::new();
        message.serialize(&mut bytes);
        bytes
    }

    /// A multipart type whose boundary cannot stand in the parts: it is made of their hash.
    fn multipart(&self, content_type: &'static str) -> ContentType<'static> {
        let mut hasher = Sha256::new();
        for part in [content_type, &self.message_id, &self.text, &self.html] {
            hasher.update(part.as_bytes());
            hasher.update([0]);
        }
        let mut boundary = hex::encode(hasher.finalize());
        boundary.truncate(32);
        ContentType::new(content_type).attribute("boundary", format!("=_{boundary}"))
    }
}

fn address(mailbox: &Mailbox) -> Address<'_> {
    Address::new_address((!mailbox.name.is_empty()).then_some(mailbox.name.as_str()), mailbox.email.as_str())
}
