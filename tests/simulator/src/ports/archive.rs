//! The archive, which keeps what it was given and fails at times.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use saldo_documents::archive::{Archive, ArchiveError};
use tokio::task::yield_now;

use crate::ports::{Need, Permissions};
use crate::weather::{Fault, Weather};

/// Documents in memory.
pub(crate) struct StormyArchive {
    weather: Arc<Weather>,
    permissions: Arc<Permissions>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    documents: BTreeMap<String, Vec<u8>>,
    /// Documents that were put again with other bytes.
    changed: Vec<String>,
}

impl StormyArchive {
    pub(crate) fn new(weather: Arc<Weather>, permissions: Arc<Permissions>) -> Self {
        Self { weather, permissions, state: Mutex::default() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out the keys of documents that became other ones.
    pub(crate) fn take_changed(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().changed)
    }

    /// Whether there is a document.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.lock().documents.contains_key(key)
    }
}

#[async_trait]
impl Archive for StormyArchive {
    async fn put(&self, key: &str, bytes: Vec<u8>, _content_type: &str) -> Result<(), ArchiveError> {
        if self.weather.gives_way() {
            yield_now().await;
        }
        self.permissions.need(Need::document("s3:PutObject"));
        let failed = || Err(ArchiveError::Put { key: key.to_owned(), source: "weather".into() });
        let is_down = self.weather.strikes(Fault::ArchiveDown);
        if is_down && self.weather.how(Fault::ArchiveDown, 2) == 0 {
            return failed();
        }
        {
            let mut state = self.lock();
            let before = state.documents.insert(key.to_owned(), bytes);
            if before.is_some() && before.as_ref() != state.documents.get(key) {
                state.changed.push(key.to_owned());
            }
        }
        if is_down { failed() } else { Ok(()) }
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        if self.weather.gives_way() {
            yield_now().await;
        }
        self.permissions.need(Need::document("s3:GetObject"));
        if self.weather.strikes(Fault::ArchiveDown) {
            return Err(ArchiveError::Get { key: key.to_owned(), source: "weather".into() });
        }
        Ok(self.lock().documents.get(key).cloned())
    }

    async fn link(&self, key: &str, _file_name: &str, _expires_in: Duration) -> Result<String, ArchiveError> {
        self.permissions.need(Need::document("s3:GetObject"));
        Ok(format!("memory:///{key}"))
    }
}
