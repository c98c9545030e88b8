#![doc = include_str!("../README.md")]

mod allocation;
mod currency;
mod money;
mod ratio;
mod rounding;
mod text;

pub use currency::{Currency, UnknownCurrency};
pub use money::{Money, MoneyError};
pub use ratio::{Ratio, RatioError};
pub use rounding::Rounding;
