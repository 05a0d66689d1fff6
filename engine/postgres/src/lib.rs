//! studio-postgres
