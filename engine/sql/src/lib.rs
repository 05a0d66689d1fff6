//! studio-sql
