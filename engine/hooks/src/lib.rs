//! WebAssembly component host.
