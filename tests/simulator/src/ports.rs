//! The twins of the ports, with weather.

mod archive;
mod mailer;
mod permissions;
mod provider;
mod queue;
mod store;

pub(crate) use self::archive::StormyArchive;
pub(crate) use self::mailer::StormyMailer;
pub use self::permissions::unneeded;
pub(crate) use self::permissions::{Need, Permissions};
pub(crate) use self::provider::{KnownGateways, Line, StormyTransport};
pub(crate) use self::queue::{Queues, StormyQueue};
pub(crate) use self::store::StormyStore;
