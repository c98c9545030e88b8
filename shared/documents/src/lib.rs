#![doc = include_str!("../README.md")]

pub mod archive;
mod colour;
pub mod language;
pub mod mail;
pub mod pdf;
