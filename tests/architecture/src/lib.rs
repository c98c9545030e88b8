//! The rules of the architecture and of the template, as tests.
