//! Tokens as their holders and thieves use them.

mod attenuated;
mod costly;
mod forged;
mod minted;
mod python;
mod support;
