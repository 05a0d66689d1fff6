//! The studio's hidden `__postgres` subcommand as a program of its own, for tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    studio_postgres::supervisor_main(std::env::args_os().skip(1))
}
