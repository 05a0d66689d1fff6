//! exo-studio: one binary. This file picks the consumer of the engine and turns its result into an exit code.

mod ci;
mod cli;
mod db_command;
mod failure;
mod graphql_command;
mod hook_command;
mod lsp;
mod model_command;
mod new;
mod output;
mod recording;
mod schema_command;
mod serve;
mod studio;

use std::process::ExitCode;

use clap::Parser;
use studio_events::plural;

use crate::cli::{Cli, Command, GraphqlCommand, HookCommand, HooksCommand, RpcCommand};
use crate::failure::Failure;

/// Requests allocate from several threads and keep states of some kilobytes, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Stack of the threads that answer requests; memory is taken when it is used. Code of a model may ask for operations
/// that run code again, sixteen deep, with interceptors around each: all of that is one chain of calls, and an
/// overflow would end the process.
const THREAD_STACK: usize = 32 << 20;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // The supervisor of Postgres is a process of its own and needs no runtime.
    if let Some(Command::Postgres { args }) = cli.command {
        return studio_postgres::supervisor_main(args);
    }
    // The language server is one thread that waits for messages.
    if let Some(Command::Lsp { .. }) = cli.command {
        return lsp::run();
    }
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = match builder.enable_all().thread_stack_size(THREAD_STACK).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::note(&format!("error: failed to start: {error}"));
            return ExitCode::from(4);
        }
    };
    let result = runtime.block_on(run(cli));
    // Blocking readers (standard input, file watchers) must not hold the process back.
    runtime.shutdown_background();
    match result {
        Ok(code) => code,
        Err(failure) => {
            output::note(&failure.to_string());
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.command {
        None if cli.studio.ci => ci::run(&cli.studio).await,
        None => studio::run(&cli.studio.dir, &cli.studio.interactive).await,
        Some(Command::New(args)) => new_project(args).await,
        Some(Command::Build(args)) => model_command::build(&args.dir),
        Some(Command::Check(args)) => model_command::check(&args).await,
        Some(Command::Serve(args)) => serve::run(&args).await,
        Some(Command::Db(args)) => db_command::run(args).await,
        Some(Command::Schema { command }) => schema_command::run(command).await,
        Some(Command::Rpc { command: RpcCommand::Schema { output, use_ir } }) => {
            graphql_command::rpc_schema(output, use_ir)
        }
        Some(Command::Graphql { command: GraphqlCommand::Schema { format, output, use_ir } }) => {
            graphql_command::schema(format, output, use_ir)
        }
        Some(Command::NewHook(args)) => hook_command::new_hook(&args),
        Some(Command::Hooks { command: HooksCommand::Check { file } }) => {
            hook_command::check_file(&file).await
        }
        Some(Command::Hook { command: HookCommand::Call(args) }) => hook_command::call(&args).await,
        Some(Command::Fmt(args)) => model_command::fmt(&args),
        Some(Command::Explain { code }) => model_command::explain(&code),
        Some(Command::Manual { keys }) => {
            if keys {
                output::write(&studio_tui::manual::keys());
            } else {
                output::write(studio_tui::manual::PAGE);
            }
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Replay(args)) => recording::replay(&args).await,
        Some(Command::Postgres { .. } | Command::Lsp { .. }) => Ok(ExitCode::SUCCESS),
    }
}

async fn new_project(args: cli::NewArgs) -> Result<ExitCode, Failure> {
    if args.run && args.path.join("src/index.exo").is_file() {
        output::note(&format!("{} is a project already: opening it", args.path.display()));
        return studio::run(&args.path, &args.interactive).await;
    }
    let created = match &args.from_database {
        Some(url) => {
            let url = url.clone().or_else(|| args.database.clone());
            let access = (args.query_access, args.mutation_access);
            let model = schema_command::imported(url, args.scope.as_deref(), access).await?;
            new::create_with_model(&args.path, &model)?
        }
        None => new::create(&args.path, &args.template)?,
    };
    let git = match created.git {
        new::GitOutcome::Initialised => ", git repository",
        new::GitOutcome::Inside => ", inside your git repository",
        new::GitOutcome::Absent => " (git is not installed, so there is no repository)",
    };
    output::line(&format!(
        "created {}/  {}{git}",
        created.path.display(),
        plural(created.files.len(), "file")
    ));
    for file in &created.files {
        output::line(&format!("  {file}"));
    }
    if args.run {
        return studio::run(&args.path, &args.interactive).await;
    }
    output::line(&format!("next: cd {} && exo-studio", created.path.display()));
    Ok(ExitCode::SUCCESS)
}
