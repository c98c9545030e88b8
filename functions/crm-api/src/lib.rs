#![doc = include_str!("../README.md")]

pub mod admit;
pub mod api_keys;
pub mod app;
pub mod auth;
pub mod card;
pub mod config;
pub mod customers;
pub mod handler;
pub mod idempotency;
pub mod invoices;
pub mod openapi;
pub mod pages;
pub mod paging;
pub mod party;
pub mod payments;
pub mod prices;
pub mod problem;
pub mod products;
pub mod refunds;
pub mod reply;
pub mod reports;
pub mod request;
pub mod routes;
pub mod sellers;
pub mod shape;
pub mod subscriptions;
pub mod wire;

pub use self::routes::{document, router};
