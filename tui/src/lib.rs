//! studio-tui
