#![doc = include_str!("../README.md")]

pub mod archive;
pub mod aws;
pub mod batch;
pub mod budget;
pub mod clock;
pub mod config;
pub mod logs;
pub mod mailer;
pub mod queue;
pub mod run;
pub mod secrets;
pub mod several;
pub mod stream;
