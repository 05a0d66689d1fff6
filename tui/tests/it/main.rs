//! Frames, keys and robustness of the terminal, on sample states.

mod fixture;
mod frames;
mod keys;
