//! Deleting all messages of a queue at once.

use anyhow::{Error, Result};

/// Has SQS delete everything that is there. It takes up to a minute, in which it may delete what comes in, too.
///
/// # Errors
/// When SQS refuses; it does so for 60 seconds after it was asked for the same.
pub(super) async fn purge(client: &aws_sdk_sqs::Client, url: &str) -> Result<()> {
    let purged = Box::pin(client.purge_queue().queue_url(url).send()).await;
    purged.map(|_begun| ()).map_err(aws_sdk_sqs::Error::from).map_err(refused)
}

fn refused(error: aws_sdk_sqs::Error) -> Error {
    let is_too_early = matches!(error, aws_sdk_sqs::Error::PurgeQueueInProgress(_));
    Error::from(error).context(if is_too_early {
        "SQS purges a queue once in 60 s, and was asked to less than that ago: look with `saldo dlq list` in a minute, and \
         ask again if messages are left"
    } else {
        "SQS does not purge it"
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sqs::types::error::{PurgeQueueInProgress, RequestThrottled};

    #[test]
    fn who_asks_again_within_a_minute_is_told_to_wait() {
        let too_early = PurgeQueueInProgress::builder().message("one at a time").build();
        let error = format!("{:#}", refused(aws_sdk_sqs::Error::PurgeQueueInProgress(too_early)));
        assert!(error.contains("once in 60 s") && error.ends_with("PurgeQueueInProgress: one at a time"), "{error}");
        let throttled = RequestThrottled::builder().message("slow down").build();
        let error = format!("{:#}", refused(aws_sdk_sqs::Error::RequestThrottled(throttled)));
        assert_eq!(error, "SQS does not purge it: RequestThrottled: slow down");
    }
}
