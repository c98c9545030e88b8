//! Publishes domain events from the table's stream.
