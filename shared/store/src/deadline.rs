//! Until when a piece of work may go on: known to whatever it calls, without a parameter through every layer.
//!
//! The Lambda side wraps each invocation in [`scope`] with an instant somewhat before the platform would end it. The
//! DynamoDB adapter retries and waits only within it.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

/// How long a call may take when nothing was said.
const DEFAULT_BUDGET: Duration = Duration::from_secs(5);

tokio::task_local! {
    static DEADLINE: Instant;
}

/// Runs the future with this deadline, or with the surrounding one where that is sooner. A task that it spawns does
/// not inherit it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::time::Duration;
/// use saldo_store::deadline;
/// use tokio::time::Instant;
///
/// let soon = Instant::now() + Duration::from_millis(900);
/// let inner = deadline::scope(soon, async { deadline::current() }).await;
/// assert_eq!(inner, soon);
/// # }
/// ```
pub async fn scope<F: Future>(deadline: Instant, work: F) -> F::Output {
    let deadline = DEADLINE.try_with(|outer| deadline.min(*outer)).unwrap_or(deadline);
    DEADLINE.scope(deadline, work).await
}

/// The deadline that holds here: the scope's, or a few seconds from now outside of any.
#[must_use]
pub fn current() -> Instant {
    let unlimited = || {
        let now = Instant::now();
        now.checked_add(DEFAULT_BUDGET).unwrap_or(now)
    };
    DEADLINE.try_with(|deadline| *deadline).unwrap_or_else(|_outside| unlimited())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_sooner_of_two_deadlines_holds() {
        let at = |seconds| Instant::now() + Duration::from_secs(seconds);
        let (near, far) = (at(1), at(9));
        assert_eq!(scope(near, scope(far, async { current() })).await, near);
        assert_eq!(scope(far, scope(near, async { current() })).await, near);
        assert_eq!(current(), at(5));
    }
}
