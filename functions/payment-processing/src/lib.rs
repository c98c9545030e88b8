//! Turns provider events into facts and books.
