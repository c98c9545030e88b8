//! Moving messages back to the queue that they come from.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use aws_sdk_sqs::types::ListMessageMoveTasksResultEntry;

use super::Letter;
use super::receiving::Receiver;
use crate::terminal;

/// How often a move task is asked how far it is.
const POLL: Duration = Duration::from_secs(2);

/// Lets SQS move everything; it goes on when this command is interrupted.
pub(super) async fn by_task(client: &aws_sdk_sqs::Client, arn: &str) -> Result<u64> {
    let started = Box::pin(client.start_message_move_task().source_arn(arn).send()).await;
    started.map_err(aws_sdk_sqs::Error::from).context("SQS does not start a move task")?;
    loop {
        tokio::time::sleep(POLL).await;
        let told = Box::pin(client.list_message_move_tasks().source_arn(arn).max_results(1).send()).await;
        let told = told.map_err(aws_sdk_sqs::Error::from).context("SQS moves, and does not tell how far it is")?;
        let Some(task) = told.results().first() else { bail!("SQS knows nothing of the move task it started") };
        match progress(task)? {
            Progress::Done(moved) => return Ok(moved),
            Progress::Moved(moved) => terminal::notice(&format!("{moved} moved so far")),
        }
    }
}

/// How far a move task is.
#[derive(Debug, PartialEq, Eq)]
enum Progress {
    Moved(u64),
    Done(u64),
}

fn progress(task: &ListMessageMoveTasksResultEntry) -> Result<Progress> {
    let moved = u64::try_from(task.approximate_number_of_messages_moved()).unwrap_or_default();
    match task.status() {
        Some("COMPLETED") => Ok(Progress::Done(moved)),
        Some("RUNNING") => Ok(Progress::Moved(moved)),
        status => bail!(
            "the move task is {}, after {moved} messages: {}; the others wait where they were",
            status.unwrap_or("in no state"),
            task.failure_reason().unwrap_or("no reason was told")
        ),
    }
}

/// Moves message by message, at most `limit`: what fails again meanwhile is not moved twice.
pub(super) async fn by_hand(from: &Receiver, client: &aws_sdk_sqs::Client, to: &str, limit: u64) -> Result<u64> {
    let send = async |letter: &Letter| {
        let sent = Box::pin(client.send_message().queue_url(to).message_body(&letter.body).send()).await;
        sent.map_err(aws_sdk_sqs::Error::from).map(|_taken| ()).with_context(|| format!("{to} did not take a message"))
    };
    each(limit, async || from.next().await, send, async |letter| from.delete(letter).await).await
}

/// Receives, sends, and only then deletes: a message may come twice, which its handler knows, and is never lost.
async fn each(
    limit: u64,
    receive: impl AsyncFn() -> Result<Vec<Letter>>,
    send: impl AsyncFn(&Letter) -> Result<()>,
    delete: impl AsyncFn(&Letter) -> Result<()>,
) -> Result<u64> {
    let mut moved = 0_u64;
    while moved < limit {
        let letters = receive().await?;
        if letters.is_empty() {
            break;
        }
        for letter in letters {
            send(&letter).await.with_context(|| format!("{moved} were moved before"))?;
            delete(&letter).await.with_context(|| {
                format!("{} was handed on and is still here, which does no harm; {moved} were moved before", letter.id)
            })?;
            moved = moved.saturating_add(1);
        }
    }
    Ok(moved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    fn letter(id: &str) -> Letter {
        let (body, receipt) = (format!("body of {id}"), format!("receipt of {id}"));
        Letter { id: id.to_owned(), body, sent_at: None, attributes: BTreeMap::new(), receipt }
    }

    #[tokio::test]
    async fn a_message_is_deleted_only_after_it_was_taken() {
        let (log, waiting) = (RefCell::new(Vec::new()), RefCell::new(vec![letter("m-2"), letter("m-1")]));
        let receive = async || Ok(waiting.borrow_mut().pop().into_iter().collect());
        let send = async |letter: &Letter| {
            log.borrow_mut().push(format!("send {}", letter.id));
            Ok(())
        };
        let delete = async |letter: &Letter| {
            log.borrow_mut().push(format!("delete {}", letter.id));
            Ok(())
        };
        assert_eq!(each(9, receive, send, delete).await.unwrap(), 2);
        assert_eq!(*log.borrow(), ["send m-1", "delete m-1", "send m-2", "delete m-2"]);
    }

    #[tokio::test]
    async fn a_message_that_was_not_taken_stays() {
        let deleted = RefCell::new(Vec::new());
        let receive = async || Ok(vec![letter("m-1")]);
        let send = async |_: &Letter| bail!("throttled");
        let delete = async |letter: &Letter| {
            deleted.borrow_mut().push(letter.id.clone());
            Ok(())
        };
        let error = format!("{:#}", each(9, receive, send, delete).await.unwrap_err());
        assert_eq!(error, "0 were moved before: throttled");
        assert_eq!(*deleted.borrow(), [""; 0]);
    }

    #[tokio::test]
    async fn what_comes_back_at_once_is_not_moved_for_ever() {
        let receive = async || Ok(vec![letter("m-1"), letter("m-2")]);
        let done = async |_: &Letter| Ok(());
        assert_eq!(each(2, receive, done, done).await.unwrap(), 2);
    }

    #[test]
    fn a_task_that_failed_says_why_and_what_is_left() {
        let task = |status: &str| {
            ListMessageMoveTasksResultEntry::builder().status(status).approximate_number_of_messages_moved(7)
        };
        assert_eq!(progress(&task("COMPLETED").build()).unwrap(), Progress::Done(7));
        assert_eq!(progress(&task("RUNNING").build()).unwrap(), Progress::Moved(7));
        let error = progress(&task("FAILED").failure_reason("AccessDenied").build()).unwrap_err().to_string();
        assert!(error.contains("after 7 messages: AccessDenied"), "{error}");
    }
}
