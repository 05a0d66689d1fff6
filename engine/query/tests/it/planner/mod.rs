//! Planning: request → SQL, over models built by hand.

mod model;
mod queries;
mod request;
