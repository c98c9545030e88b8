#![doc = include_str!("../README.md")]

pub mod gateway;
pub mod http;
pub mod memory;
pub mod provider;
pub mod reading;
pub mod stripe;

pub use gateway::{
    ChargeKind, ChargeOutcome, ChargeRequest, Gateway, GatewayError, LookUpOutcome, LookUpRequest, Page, PageClosed,
    PageOpened, PageRequest, RefundLookUp, RefundOrder, RefundOutcome,
};
pub use provider::{ConnectError, Connection, EventHead, PROVIDERS, Provider, ReadError, Rejection, connect, provider};
pub use reading::{MethodReport, News, PageReport, PageState, PayoutReport, PayoutStatus, Reading, SetupReport};
