//! Keeps the reports up to date from the table's stream.
