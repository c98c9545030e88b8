//! A Stripe-like provider with books of its own.
