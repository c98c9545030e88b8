//! Payment providers: authenticate, read events, charge, refund, hosted pages, look up.
