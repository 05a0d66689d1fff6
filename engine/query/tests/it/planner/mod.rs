//! Planning: request → SQL, over models built by hand.

mod model;
mod mutations;
mod queries;
mod request;
