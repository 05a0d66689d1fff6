//! Planning: request → SQL, over models built by hand.

mod access;
mod model;
mod mutations;
mod properties;
mod queries;
mod random;
mod request;
mod templates;
