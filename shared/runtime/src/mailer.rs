//! The mailer port on SES.
//!
//! Whether a failed mail may be sent again decides whether somebody gets it twice. It may when SES said no, or was never
//! reached; it may not when there was no answer, or one that leaves it open.

use std::error::Error;
use std::time::Duration;

use aws_sdk_ses::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ses::operation::send_raw_email::{SendRawEmailError, SendRawEmailOutput};
use aws_sdk_ses::primitives::Blob;
use aws_sdk_ses::types::RawMessage;
use aws_smithy_runtime_api::http::Response;
use saldo_documents::mail::{Mail, MailError, MailReceipt, Mailer};

type SendError = SdkError<SendRawEmailError, Response>;

/// The longest waits after SES said that mail comes too fast: together well below what a mail may take.
const WAITS_MS: [u64; 3] = [250, 500, 1000];

/// Sends mail by SES, each once; see [`crate::aws::Aws::ses`].
#[derive(Debug, Clone)]
pub struct SesMailer {
    client: aws_sdk_ses::Client,
}

impl SesMailer {
    /// A mailer on this client, which must not try again by itself.
    pub fn new(client: aws_sdk_ses::Client) -> Self {
        Self { client }
    }
}

#[async_trait::async_trait]
impl Mailer for SesMailer {
    async fn send(&self, mail: &Mail) -> Result<MailReceipt, MailError> {
        // SES refuses a raw message that cannot be built, as any other: without a body there is nothing to build.
        let message = RawMessage::builder().data(Blob::new(mail.mime())).build();
        let not_sent = |source: Box<dyn Error + Send + Sync>| MailError::NotSent {
            message_id: mail.message_id.clone(),
            again: false,
            source,
        };
        let message = message.map_err(|error| not_sent(error.into()))?;
        let call = self.client.send_raw_email().raw_message(message).source(mail.from.email.as_str());
        let call = call.destinations(mail.to.email.as_str());
        let mut waits = WAITS_MS.into_iter();
        loop {
            let answer = call.clone().send().await;
            let wait_ms = answer.as_ref().err().filter(|error| is_too_fast(error)).and_then(|_| waits.next());
            let Some(longest_ms) = wait_ms else {
                return answer.map(receipt).map_err(|error| judge(&mail.message_id, error));
            };
            // Several of us send at once, and SES counts by the second.
            #[expect(clippy::disallowed_methods, reason = "jitter decides nothing")]
            let wait_ms = fastrand::u64(..=longest_ms);
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        }
    }
}

/// Whether SES said that mail comes too fast. That the day's mail is used up does not pass by waiting.
fn is_too_fast(error: &SendError) -> bool {
    let SdkError::ServiceError(answer) = error else { return false };
    let says = |part: &str| answer.err().message().is_some_and(|text| text.contains(part));
    matches!(answer.err().code(), Some("Throttling" | "ThrottlingException")) && says("rate")
}

fn receipt(answer: SendRawEmailOutput) -> MailReceipt {
    MailReceipt { message_id: answer.message_id }
}

/// What a failure says about the mail.
fn judge(message_id: &str, error: SendError) -> MailError {
    let message_id = message_id.to_owned();
    let SdkError::ServiceError(answer) = &error else {
        let again = was_never_reached(&error);
        let never_left = again || matches!(error, SdkError::ConstructionFailure(_));
        let source = error.into();
        return if never_left {
            MailError::NotSent { message_id, again, source }
        } else {
            MailError::Unknown { message_id, source }
        };
    };
    let code = answer.err().code().unwrap_or("nothing").to_owned();
    let refused = Refused { code, status: answer.raw().status().as_u16() };
    if refused.is_certain() {
        let again = !refused.is_final(answer.err().message().unwrap_or_default());
        MailError::NotSent { message_id, again, source: refused.into() }
    } else {
        MailError::Unknown { message_id, source: refused.into() }
    }
}

/// SES's answer without its text, which quotes mail addresses.
#[derive(Debug, thiserror::Error)]
#[error("SES answered {code} ({status})")]
struct Refused {
    code: String,
    status: u16,
}

impl Refused {
    /// Whether the answer says that nothing was sent: a breakdown inside SES leaves it open.
    fn is_certain(&self) -> bool {
        (400..500).contains(&self.status) || self.code == "ServiceUnavailable"
    }

    /// Whether SES would refuse the same mail again. A throttle passes; a paused account, a missing permission and an
    /// identity that is not verified are for a person to put right.
    fn is_final(&self, text: &str) -> bool {
        match self.code.as_str() {
            "MessageRejected" => !text.contains("not verified"),
            "InvalidParameterValue" | "ValidationError" => true,
            _ => false,
        }
    }
}

/// Whether not even a connection came up.
fn was_never_reached(error: &SendError) -> bool {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes
        .any(|cause| cause.downcast_ref::<hyper_util::client::legacy::Error>().is_some_and(|error| error.is_connect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::{Aws, recorded};
    use crate::config::Environment;
    use crate::logs;
    use chrono::DateTime;
    use saldo_documents::mail::Mailbox;

    fn mail() -> Mail {
        let mailbox = |name: &str, email: &str| Mailbox { name: name.to_owned(), email: email.parse().unwrap() };
        Mail {
            from: mailbox("Lumen GmbH", "billing@lumen.example"),
            to: mailbox("Zoë", "zoe@kunde.example"),
            reply_to: mailbox("Lumen GmbH", "help@lumen.example"),
            subject: "Rechnung MUC-2026-000017".to_owned(),
            language: "de",
            text: "Guten Tag".to_owned(),
            html: "<p>Guten Tag</p>".to_owned(),
            attachments: Vec::new(),
            message_id: "inv_1.receipt@lumen.example".to_owned(),
            date: DateTime::UNIX_EPOCH,
        }
    }

    fn refusal(code: &str, text: &str) -> String {
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{text}</Message></Error></ErrorResponse>"
        )
    }

    async fn send(status: u16, body: &str) -> Result<MailReceipt, MailError> {
        let (aws, _) = recorded::answers(&[(status, body)]);
        SesMailer::new(aws.ses()).send(&mail()).await
    }

    #[tokio::test]
    async fn a_mail_taken_gives_the_id_that_ses_gave_it() {
        let body = "<SendRawEmailResponse><SendRawEmailResult><MessageId>0102-abc</MessageId></SendRawEmailResult></SendRawEmailResponse>";
        let (aws, client) = recorded::answers(&[(200, body)]);
        let receipt = SesMailer::new(aws.ses()).send(&mail()).await.unwrap();
        assert_eq!(receipt.message_id, "0102-abc");
        let asked = recorded::asked(&client);
        assert!(
            asked[0].starts_with("Action=SendRawEmail")
                && asked[0].contains("Destinations.member.1=zoe%40kunde.example")
        );
    }

    #[tokio::test]
    async fn what_ses_refuses_was_not_sent_and_may_pass_later_or_never() {
        let unverified =
            "Email address is not verified. The following identities failed the check: billing@lumen.example";
        for (code, text, again) in [
            ("Throttling", "Daily message quota exceeded.", true),
            ("AccountSendingPausedException", "paused", true),
            ("AccessDenied", "not authorized", true),
            ("MessageRejected", unverified, true),
            ("MessageRejected", "Address is on the suppression list", false),
            ("InvalidParameterValue", "Missing final '@domain'", false),
        ] {
            match send(400, &refusal(code, text)).await {
                Err(MailError::NotSent { again: found, .. }) => assert_eq!(found, again, "{code}: {text}"),
                other => panic!("{code}: {other:?}"),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn mail_that_comes_too_fast_waits_and_is_sent_once() {
        let taken = "<SendRawEmailResponse><SendRawEmailResult><MessageId>0102-abc</MessageId></SendRawEmailResult></SendRawEmailResponse>";
        let throttled = refusal("Throttling", "Maximum sending rate exceeded.");
        let answers: Vec<(u16, &str)> = vec![(400, &throttled), (400, &throttled), (200, taken)];
        let (aws, client) = recorded::answers(&answers);
        assert_eq!(SesMailer::new(aws.ses()).send(&mail()).await.unwrap().message_id, "0102-abc");
        assert_eq!(recorded::asked(&client).len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn mail_that_is_too_much_for_the_day_or_again_and_again_is_given_back() {
        for (text, asked) in [("Daily message quota exceeded.", 1), ("Maximum sending rate exceeded.", 4)] {
            let throttled = refusal("Throttling", text);
            let (aws, client) = recorded::answers(&[(400, throttled.as_str()); 5]);
            let error = SesMailer::new(aws.ses()).send(&mail()).await.unwrap_err();
            assert!(matches!(error, MailError::NotSent { again: true, .. }), "{error:?}");
            assert_eq!(recorded::asked(&client).len(), asked, "{text}");
        }
    }

    #[tokio::test]
    async fn a_breakdown_inside_ses_leaves_it_open() {
        assert!(matches!(send(500, &refusal("InternalFailure", "")).await, Err(MailError::Unknown { .. })));
        assert!(matches!(send(200, "<html>").await, Err(MailError::Unknown { .. })));
        assert!(matches!(
            send(503, &refusal("ServiceUnavailable", "")).await,
            Err(MailError::NotSent { again: true, .. })
        ));
    }

    #[tokio::test]
    async fn a_service_that_was_never_reached_sent_nothing() {
        let env = [
            ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ];
        let aws = Aws::read(&Environment::from_pairs(env)).unwrap();
        let error = SesMailer::new(aws.ses()).send(&mail()).await.unwrap_err();
        assert!(matches!(error, MailError::NotSent { again: true, .. }), "{error:?}");
    }

    #[tokio::test]
    async fn an_answer_lost_on_the_way_leaves_it_open() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let hang_up = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            tokio::io::AsyncReadExt::read(&mut socket, &mut [0; 1024]).await.unwrap()
        });
        let env = [
            ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ];
        let aws = Aws::read(&Environment::from_pairs(env)).unwrap();
        let error = SesMailer::new(aws.ses()).send(&mail()).await.unwrap_err();
        assert!(matches!(error, MailError::Unknown { .. }), "{error:?}");
        assert!(hang_up.await.unwrap() > 0);
    }

    #[tokio::test]
    async fn no_address_is_told_in_an_error() {
        let error = send(400, &refusal("MessageRejected", "zoe@kunde.example is blocked")).await.unwrap_err();
        assert_eq!(
            logs::chain(&error),
            "mail inv_1.receipt@lumen.example was not sent: SES answered MessageRejected (400)"
        );
    }
}
