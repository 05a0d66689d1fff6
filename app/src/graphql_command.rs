//! `exo-studio graphql schema`: the GraphQL schema as SDL or introspection JSON.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use studio_engine::config::ExoToml;
use studio_engine::derived::Derived;
use studio_model::ir::Ir;

use crate::cli::{GraphqlFormat, ProblemFormat};
use crate::failure::Failure;
use crate::output;
use crate::{model_command, serve, studio};

/// Writes the schema; silent on success.
pub(crate) fn schema(
    format: GraphqlFormat,
    path: Option<PathBuf>,
    use_ir: bool,
) -> Result<ExitCode, Failure> {
    let toml = ExoToml::read(Path::new(".")).map_err(|problem| {
        Failure::environment("read the configuration", &problem).help(problem.help.clone())
    })?;
    let derived = Derived::extended(model(use_ir)?, true, toml.extensions.schema());
    let text = match format {
        GraphqlFormat::Graphql => derived.sdl().to_owned(),
        GraphqlFormat::Json => derived
            .introspection_json()
            .map_err(|error| Failure::environment("introspect the schema", &error))?,
    };
    let default = match format {
        GraphqlFormat::Graphql => "generated/schema.graphql",
        GraphqlFormat::Json => "generated/schema.json",
    };
    write(path, default, &text)
}

/// Writes the OpenRPC description; silent on success.
pub(crate) fn rpc_schema(path: Option<PathBuf>, use_ir: bool) -> Result<ExitCode, Failure> {
    let derived = Derived::new(model(use_ir)?, true);
    write(path, "generated/rpc-schema.json", &derived.open_rpc())
}

fn write(path: Option<PathBuf>, default: &str, text: &str) -> Result<ExitCode, Failure> {
    let path = path.unwrap_or_else(|| PathBuf::from(default));
    if path == Path::new("-") {
        output::write(text);
        return Ok(ExitCode::SUCCESS);
    }
    let io = |error: std::io::Error| Failure::environment("write the schema", &error);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(io)?;
    }
    std::fs::write(&path, text).map_err(io)?;
    Ok(ExitCode::SUCCESS)
}

/// The model of the project in the working directory.
pub(crate) fn model(use_ir: bool) -> Result<Arc<Ir>, Failure> {
    if use_ir {
        return serve::read_ir(Path::new("target/index.exo_ir"));
    }
    let project = studio::open(Path::new("."))?;
    let build = project.build().map_err(|error| Failure::environment("read the project", &error))?;
    model_command::print(&build.problems, ProblemFormat::Human);
    build.ir.clone().ok_or_else(|| model_command::broken(&build))
}
