//! studio-events
