//! Integration tests of the compiler: text in, diagnostics and IR out.

mod ir;
mod robust;
