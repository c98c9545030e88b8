//! What a failed request means: whether it was done, and whether trying again can help.

use std::error::Error;
use std::io;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::Cause;

/// Codes of a request that was turned away before anything was done.
const THROTTLES: [&str; 6] = [
    "ProvisionedThroughputExceededException",
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
    "ThrottlingException",
    "ThrottlingError",
    "Throttling",
];

/// Codes of a request that met another transaction on its item.
const CONTENTIONS: [&str; 3] =
    ["TransactionConflictException", "TransactionConflict", "ReplicatedWriteConflictException"];

/// Codes that mean the request is wrong and stays wrong.
const REFUSALS: [&str; 5] = [
    "ValidationException",
    "ValidationError",
    "SerializationException",
    "IdempotentParameterMismatchException",
    "ItemCollectionSizeLimitExceededException",
];

/// The code of a transaction that an earlier request with the same token is still carrying out.
const IN_PROGRESS: &str = "TransactionInProgressException";

/// Why a request failed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Turned away, nothing done; later it may work.
    Throttled(Cause),
    /// Another transaction held an item, nothing done; later it may work.
    Contention(Cause),
    /// It never reached the engine; later it may work.
    Unreachable(Cause),
    /// Turned away for a reason that does not lie in the request and does not pass by itself: credentials, permissions,
    /// a missing table. The work stays valid, but only a person can help.
    Closed(Cause),
    /// It may have been done.
    Lost(Cause),
    /// It is wrong.
    Refused(Cause),
}

impl Trouble {
    /// Reads the error of a request.
    pub(super) fn of<E>(error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        match &error {
            SdkError::ConstructionFailure(_) => Self::Refused(error.into()),
            SdkError::DispatchFailure(failure) if failure.as_connector_error().is_some_and(|e| was_not_sent(e)) => {
                Self::Unreachable(error.into())
            }
            SdkError::ServiceError(service) => {
                let turned_away = service.raw().status().is_client_error();
                let code = service.err().code().map(ToOwned::to_owned).unwrap_or_default();
                Self::of_code(&code, error.into(), if turned_away { Self::Closed } else { Self::Lost })
            }
            // A time-out, a connection that broke, an answer that cannot be read; and what a later SDK may add.
            SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) | _ => {
                Self::Lost(error.into())
            }
        }
    }

    /// Reads an error code of the engine; `otherwise` is what a code means that is not known here.
    pub(super) fn of_code(code: &str, cause: Cause, otherwise: fn(Cause) -> Self) -> Self {
        if THROTTLES.contains(&code) {
            Self::Throttled(cause)
        } else if CONTENTIONS.contains(&code) {
            Self::Contention(cause)
        } else if REFUSALS.contains(&code) {
            Self::Refused(cause)
        } else if code == IN_PROGRESS {
            Self::Lost(cause)
        } else {
            otherwise(cause)
        }
    }
}

/// Whether the connection was refused, so that nothing can have arrived.
fn was_not_sent(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            return true;
        }
        next = error.source();
    }
    false
}
