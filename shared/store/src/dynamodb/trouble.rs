//! What a failed request means: whether it was done, and whether trying again can help.

use std::error::Error;
use std::io;

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

/// Codes that mean nobody gets in: credentials, permissions, a missing table. An operator has to mend it; the work
/// stays valid.
const CLOSED_DOORS: [&str; 7] = [
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "ResourceNotFoundException",
    "UnrecognizedClientException",
];

/// Why a request failed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Turned away, nothing done; later it may work.
    Throttled(Cause),
    /// Another transaction held an item, nothing done; later it may work.
    Contention(Cause),
    /// It never reached the engine; later it may work.
    Unreachable(Cause),
    /// Nobody gets in; only a person can help.
    Closed(Cause),
    /// It may have been done.
    Lost(Cause),
    /// It is wrong.
    Refused(Cause),
}

impl Trouble {
    /// Reads the error of a request.
    pub(super) fn of<E, R>(error: SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        match &error {
            SdkError::ConstructionFailure(_) => Self::Refused(error.into()),
            SdkError::DispatchFailure(failure)
                if failure.as_connector_error().is_some_and(|error| was_not_sent(error)) =>
            {
                Self::Unreachable(error.into())
            }
            SdkError::ServiceError(service) => match service.err().code().map(ToOwned::to_owned) {
                Some(code) => Self::of_code(&code, error.into()),
                None => Self::Lost(error.into()),
            },
            // A time-out, a connection that broke, an answer that cannot be read; and what a later SDK may add.
            SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) | _ => {
                Self::Lost(error.into())
            }
        }
    }

    /// Reads an error code of the engine.
    pub(super) fn of_code(code: &str, cause: Cause) -> Self {
        if THROTTLES.contains(&code) {
            Self::Throttled(cause)
        } else if CONTENTIONS.contains(&code) {
            Self::Contention(cause)
        } else if REFUSALS.contains(&code) {
            Self::Refused(cause)
        } else if CLOSED_DOORS.contains(&code) {
            Self::Closed(cause)
        } else {
            // InternalServerError, ServiceUnavailable, TransactionInProgressException, codes to come.
            Self::Lost(cause)
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
