//! Finds due work by the scheduled time.
