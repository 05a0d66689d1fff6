//! studio-query
