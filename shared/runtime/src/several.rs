//! The things that one message asks for: done one after the other, also when one of them fails.

use std::error::Error;
use std::fmt::Display;
use std::future::Future;

use saldo_messages::{Disposed, Disposition};

use crate::logs;

/// What was not done of several things. Each failure is logged where it happened.
#[derive(Debug, Default, thiserror::Error)]
#[error("{failed} of {of} failed, and no time was left for {left}")]
pub struct Several {
    failed: usize,
    left: usize,
    of: usize,
    may_succeed: bool,
}

impl Several {
    /// Logs a failure and counts it.
    pub fn note<E: Error + Disposed + 'static>(&mut self, id: &dyn Display, error: &E) {
        self.failed = self.failed.saturating_add(1);
        let chain = logs::chain(error);
        match error.disposition() {
            Disposition::Retry => {
                self.may_succeed = true;
                tracing::warn!(work.id = %id, error.chain = chain, "failed, comes again");
            }
            Disposition::Poison => tracing::error!(work.id = %id, error.chain = chain, "cannot be done"),
        }
    }

    /// What there is to say when `of` things were begun or left.
    ///
    /// # Errors
    /// Itself, when anything failed or was left.
    pub fn outcome(self, of: usize) -> Result<(), Self> {
        if self.failed == 0 && self.left == 0 { Ok(()) } else { Err(Self { of, ..self }) }
    }
}

impl Disposed for Several {
    fn disposition(&self) -> Disposition {
        if self.may_succeed || self.left > 0 { Disposition::Retry } else { Disposition::Poison }
    }
}

/// Does the work for each, also when it failed for another, as long as there is time: `has_time` is told how many are done.
///
/// # Errors
/// The one failure of a single thing; of several, [`Several`].
pub async fn each<T, E, Fut>(wanted: Vec<T>, has_time: impl Fn(usize) -> bool, work: impl Fn(T) -> Fut) -> Result<(), E>
where
    T: Copy + Display,
    E: Error + Disposed + From<Several> + 'static,
    Fut: Future<Output = Result<(), E>>,
{
    let of = wanted.len();
    let mut several = Several::default();
    for (done, id) in wanted.into_iter().enumerate() {
        if !has_time(done) {
            several.left = of.saturating_sub(done);
            break;
        }
        match work(id).await {
            Ok(()) => {}
            Err(error) if of == 1 => return Err(error),
            Err(error) => several.note(&id, &error),
        }
    }
    Ok(several.outcome(of)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Failure {
        #[error("later")]
        Later,
        #[error("never")]
        Never,
        #[error("some of the work failed")]
        Several(#[from] Several),
    }

    impl Disposed for Failure {
        fn disposition(&self) -> Disposition {
            match self {
                Self::Later => Disposition::Retry,
                Self::Never => Disposition::Poison,
                Self::Several(several) => several.disposition(),
            }
        }
    }

    /// Works on what is wanted: 1 fails for now, 2 for good; tells what was said, and whether the message comes again.
    async fn outcome(wanted: &[u8], time_for: usize) -> Option<(String, Disposition)> {
        let work = async |id: u8| match id {
            1 => Err(Failure::Later),
            2 => Err(Failure::Never),
            _ => Ok(()),
        };
        let done = each(wanted.to_vec(), |done| done < time_for, work).await;
        done.err().map(|error| (logs::chain(&error), error.disposition()))
    }

    fn said(failed: usize, of: usize, left: usize) -> String {
        format!("some of the work failed: {failed} of {of} failed, and no time was left for {left}")
    }

    #[tokio::test]
    async fn one_that_fails_does_not_stop_the_others_and_is_counted() {
        assert_eq!(outcome(&[0, 0], 9).await, None);
        assert_eq!(outcome(&[0, 2, 0], 9).await, Some((said(1, 3, 0), Disposition::Poison)));
        assert_eq!(outcome(&[2, 1, 0], 9).await, Some((said(2, 3, 0), Disposition::Retry)));
    }

    #[tokio::test]
    async fn what_failed_before_the_time_was_over_is_not_forgotten() {
        assert_eq!(outcome(&[2, 0, 0], 1).await, Some((said(1, 3, 2), Disposition::Retry)));
        assert_eq!(outcome(&[0, 0], 0).await, Some((said(0, 2, 2), Disposition::Retry)));
    }

    #[tokio::test]
    async fn the_failure_of_a_single_thing_is_told_as_it_is() {
        assert_eq!(outcome(&[1], 9).await, Some(("later".to_owned(), Disposition::Retry)));
        assert_eq!(outcome(&[2], 9).await, Some(("never".to_owned(), Disposition::Poison)));
    }
}
