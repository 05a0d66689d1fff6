//! studio-testing
