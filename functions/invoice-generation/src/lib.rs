//! Makes one invoice per subscription and period, and its PDF.
