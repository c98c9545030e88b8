//! The billing domain: pure, without clocks, network or storage.
