//! Journeys on the deployed local stack.
