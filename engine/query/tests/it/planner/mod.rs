//! Planning: request → SQL, over models built by hand.

mod access;
mod model;
mod mutations;
mod queries;
mod request;
