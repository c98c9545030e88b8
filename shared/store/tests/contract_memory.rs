//! The contract, kept by the in-memory twin.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod contract;

use std::future::Future;
use std::sync::Arc;

use saldo_store::Store;
use saldo_store::memory::MemoryStore;

async fn on_memory<F: Future<Output = ()>>(case: impl FnOnce(Arc<dyn Store>) -> F) {
    case(Arc::new(MemoryStore::new())).await;
}

contract::cases!(crate::on_memory);
