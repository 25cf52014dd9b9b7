//! The servers that phones register with, and the telephone network behind them: the carrier and its customers.

pub mod carrier;
pub mod customer;

pub use carrier::{Carrier, CarrierSettings};
