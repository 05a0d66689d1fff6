//! studio-engine
