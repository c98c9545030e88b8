//! What the functions do to the books: fetch, let the domain decide, commit.
