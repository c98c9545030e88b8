//! The one policy for trying again: full jitter, below the deadline, and never a write twice.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::trouble::Trouble;
use crate::{Cause, deadline};

/// Longest wait after the first failure; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(25);
/// Longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// How long one attempt may take before its answer counts as lost.
const ATTEMPT: Duration = Duration::from_secs(3);

/// Whether a request may be sent again when its answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// A second application changes nothing.
    Harmless,
    /// A second application could act a second time.
    Harmful,
}

/// The outcome of the last attempt.
#[derive(Debug)]
pub(super) struct Answered<T> {
    pub(super) result: Result<T, Trouble>,
    /// Whether an earlier attempt's answer was lost, so that it may have been done before this one.
    pub(super) lost_before: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("no answer within {within:?}")]
struct NoAnswer {
    within: Duration,
}

/// Sends a request until it is answered for good or the time runs out.
pub(super) async fn until_deadline<T, F>(repeat: Repeat, mut send: impl FnMut() -> F) -> Answered<T>
where
    F: Future<Output = Result<T, Trouble>>,
{
    let mut rounds = Rounds::new();
    let mut lost_before = false;
    loop {
        let result = attempt(rounds.deadline, send()).await;
        let lost = matches!(result, Err(Trouble::Lost(_)));
        if !may_go_on(&result, repeat) || !rounds.wait().await {
            return Answered { result, lost_before };
        }
        lost_before |= lost;
    }
}

/// The waits between requests that were each answered, but not in full.
pub(super) struct Rounds {
    deadline: Instant,
    wait_at_most: Duration,
}

impl Rounds {
    pub(super) fn new() -> Self {
        Self { deadline: deadline::current(), wait_at_most: FIRST_WAIT }
    }

    /// Waits before the next round; `false` when there is no time for one.
    pub(super) async fn wait(&mut self) -> bool {
        let wait = jitter(self.wait_at_most);
        if Instant::now().checked_add(wait).is_none_or(|then| then >= self.deadline) {
            return false;
        }
        sleep(wait).await;
        self.wait_at_most = self.wait_at_most.saturating_mul(2).min(LONGEST_WAIT);
        true
    }
}

fn may_go_on<T>(result: &Result<T, Trouble>, repeat: Repeat) -> bool {
    match result {
        Ok(_) | Err(Trouble::Closed(_) | Trouble::Refused(_)) => false,
        Err(Trouble::Throttled(_) | Trouble::Contention(_) | Trouble::Unreachable(_)) => true,
        Err(Trouble::Lost(_)) => repeat == Repeat::Harmless,
    }
}

async fn attempt<T>(deadline: Instant, request: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    let start = Instant::now();
    let end = start.checked_add(ATTEMPT).map_or(deadline, |end| end.min(deadline));
    match timeout_at(end, request).await {
        Ok(result) => result,
        Err(_elapsed) => {
            let cause: Cause = Box::new(NoAnswer { within: end.saturating_duration_since(start) });
            Err(Trouble::Lost(cause))
        }
    }
}

/// A random part of the longest wait, so that those who failed together do not come back together.
#[expect(clippy::disallowed_methods, reason = "jitter decides nothing")]
fn jitter(longest: Duration) -> Duration {
    let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(fastrand::u64(..=micros))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn cause() -> Cause {
        "no".into()
    }

    /// Fails as told, then succeeds; says how often it was sent.
    async fn run(repeat: Repeat, failures: Vec<fn(Cause) -> Trouble>) -> (Answered<()>, usize) {
        let sent = Cell::new(0_usize);
        let answered = until_deadline(repeat, || {
            let failure = failures.get(sent.replace(sent.get().saturating_add(1))).copied();
            async move { failure.map_or(Ok(()), |trouble| Err(trouble(cause()))) }
        })
        .await;
        (answered, sent.get())
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_done_is_sent_again() {
        for trouble in [Trouble::Throttled, Trouble::Contention, Trouble::Unreachable] {
            let (answered, sent) = run(Repeat::Harmful, vec![trouble, trouble, trouble]).await;
            assert!(answered.result.is_ok() && !answered.lost_before);
            assert_eq!(sent, 4);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_is_asked_for_again_only_when_harmless() {
        let (answered, sent) = run(Repeat::Harmless, vec![Trouble::Lost]).await;
        assert!(answered.result.is_ok() && answered.lost_before);
        assert_eq!(sent, 2);
        let (answered, sent) = run(Repeat::Harmful, vec![Trouble::Lost]).await;
        assert!(matches!(answered.result, Err(Trouble::Lost(_))));
        assert_eq!(sent, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_can_never_work_is_sent_once() {
        for trouble in [Trouble::Refused, Trouble::Closed] {
            assert_eq!(run(Repeat::Harmless, vec![trouble]).await.1, 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn trying_ends_below_the_deadline_with_the_last_trouble() {
        let start = Instant::now();
        let end = start + Duration::from_secs(2);
        let throttled: fn(Cause) -> Trouble = Trouble::Throttled;
        let always = vec![throttled; 10_000];
        let (answered, sent) = deadline::scope(end, run(Repeat::Harmless, always)).await;
        assert!(matches!(answered.result, Err(Trouble::Throttled(_))));
        assert!(Instant::now() < end && sent > 3, "{sent} attempts in {:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_hangs_counts_as_lost() {
        let start = Instant::now();
        let end = start + Duration::from_millis(700);
        let hang = || std::future::pending::<Result<(), Trouble>>();
        let answered = deadline::scope(end, until_deadline(Repeat::Harmless, hang)).await;
        assert!(matches!(answered.result, Err(Trouble::Lost(_))));
        assert_eq!(Instant::now(), end);
    }
}
