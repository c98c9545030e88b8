//! The archive port on S3.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use saldo_documents::archive::{Archive, ArchiveError};

/// The longest that S3 lets a link live.
const LONGEST_LINK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Keeps documents in one bucket, which encrypts them by itself.
#[derive(Debug, Clone)]
pub struct S3Archive {
    client: aws_sdk_s3::Client,
    bucket: String,
}

impl S3Archive {
    /// An archive in this bucket. To tell "no such document" from "not allowed", S3 wants `s3:ListBucket` on it.
    pub fn new(client: aws_sdk_s3::Client, bucket: String) -> Self {
        Self { client, bucket }
    }
}

#[async_trait::async_trait]
impl Archive for S3Archive {
    async fn put(&self, key: &str, bytes: Vec<u8>, content_type: &str) -> Result<(), ArchiveError> {
        let call = self.client.put_object().bucket(&self.bucket).key(key).content_type(content_type);
        match call.body(ByteStream::from(bytes)).send().await {
            Ok(_kept) => Ok(()),
            Err(source) => Err(ArchiveError::Put { key: key.to_owned(), source: source.into() }),
        }
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        let failed = |source| ArchiveError::Get { key: key.to_owned(), source };
        match self.client.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(found) => {
                let bytes = found.body.collect().await.map_err(|source| failed(source.into()))?;
                Ok(Some(bytes.to_vec()))
            }
            Err(error) if error.as_service_error().is_some_and(|answer| answer.is_no_such_key()) => Ok(None),
            Err(error) => Err(failed(error.into())),
        }
    }

    async fn link(&self, key: &str, file_name: &str, expires_in: Duration) -> Result<String, ArchiveError> {
        let failed = |source| ArchiveError::Link { key: key.to_owned(), source };
        let terms = PresigningConfig::expires_in(expires_in.min(LONGEST_LINK)).map_err(|error| failed(error.into()))?;
        let call = self.client.get_object().bucket(&self.bucket).key(key);
        let call = call.response_content_disposition(disposition(file_name));
        let signed = call.presigned(terms).await.map_err(|error| failed(error.into()))?;
        Ok(signed.uri().to_owned())
    }
}

/// A download under this name (RFC 6266): in ASCII for old browsers, and exactly.
fn disposition(file_name: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let ascii: String = file_name.chars().map(|c| if is_plain(&c) { c } else { '_' }).collect();
    let exact = file_name.bytes().fold(String::new(), |mut text, byte| {
        let c = char::from(byte);
        if byte.is_ascii() && is_plain(&c) {
            text.push(c);
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    });
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{exact}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::recorded;

    fn archive(answers: &[(u16, &str)]) -> S3Archive {
        S3Archive::new(recorded::answers(answers).0.s3(), "documents".to_owned())
    }

    const NO_SUCH_KEY: &str = "<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>";
    const DENIED: &str = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>";

    #[tokio::test]
    async fn a_document_comes_back_as_it_was_kept() {
        let (aws, client) = recorded::answers(&[(200, ""), (200, "%PDF-1.7")]);
        let archive = S3Archive::new(aws.s3(), "documents".to_owned());
        archive.put("invoices/sel_1/inv_1.pdf", b"%PDF-1.7".to_vec(), "application/pdf").await.unwrap();
        assert_eq!(archive.get("invoices/sel_1/inv_1.pdf").await.unwrap().unwrap(), b"%PDF-1.7");
        let put = client.actual_requests().next().unwrap();
        assert!(put.uri().ends_with("/documents/invoices/sel_1/inv_1.pdf?x-id=PutObject"), "{}", put.uri());
        assert_eq!(put.headers().get("content-type"), Some("application/pdf"));
    }

    #[tokio::test]
    async fn no_document_is_no_error_and_no_permission_is_one() {
        assert_eq!(archive(&[(404, NO_SUCH_KEY)]).get("invoices/sel_1/inv_2.pdf").await.unwrap(), None);
        assert!(archive(&[(403, DENIED)]).get("invoices/sel_1/inv_2.pdf").await.is_err());
        assert!(archive(&[(403, DENIED)]).put("a", Vec::new(), "text/plain").await.is_err());
    }

    #[tokio::test]
    async fn a_link_expires_and_names_the_file() {
        let link =
            archive(&[]).link("invoices/sel_1/inv_1.pdf", "Rechnung 名.pdf", Duration::from_secs(900)).await.unwrap();
        assert!(link.contains("X-Amz-Expires=900") && link.contains("X-Amz-Signature="), "{link}");
        let month = archive(&[]).link("a", "a.pdf", Duration::from_secs(2_678_400)).await.unwrap();
        assert!(month.contains("X-Amz-Expires=604800"), "{month}");
    }

    #[test]
    fn a_file_name_cannot_add_to_the_header() {
        assert_eq!(
            disposition("Zoë\"\r\n.pdf"),
            "attachment; filename=\"Zo____.pdf\"; filename*=UTF-8''Zo%C3%AB%22%0D%0A.pdf"
        );
    }
}
