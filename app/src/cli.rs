//! The command line: argument types and their help texts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

const AFTER_HELP: &str = "\
Start here:
  exo-studio new todo && cd todo && exo-studio     make a project and open the studio on it
  exo-studio --ci                                  build, migrate and test without a terminal
  exo-studio serve                                 the production server on EXO_POSTGRES_URL

A project is a folder with src/index.exo. The studio keeps its database in .exo/ of that folder.";

/// A whole backend development environment in a terminal.
#[derive(Debug, Parser)]
#[command(name = "exo-studio", version, about, after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) studio: StudioArgs,
}

/// `exo-studio [DIR]` and `exo-studio --ci [DIR] [PATTERN]`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct StudioArgs {
    /// The project; with --ci also a folder that contains projects, or one .exotest file
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// With --ci: run only tests whose names match (`*` and `?`)
    #[arg(value_name = "PATTERN", requires = "ci")]
    pub(crate) pattern: Option<String>,
    /// Build, migrate a throw-away database, run every .exotest, report, exit
    #[arg(long)]
    pub(crate) ci: bool,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    #[command(flatten)]
    pub(crate) interactive: InteractiveArgs,
}

/// Reports of --ci.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "With --ci")]
pub(crate) struct ReportArgs {
    /// Report as JSON on standard output
    #[arg(long, requires = "ci")]
    pub(crate) json: bool,
    /// Also write a JUnit report to this file
    #[arg(long, value_name = "FILE", requires = "ci")]
    pub(crate) junit: Option<PathBuf>,
    /// Treat an expected null as any value, as old suites do by accident
    #[arg(long, requires = "ci")]
    pub(crate) compat_null: bool,
    /// Run only the tests that did not pass the last time
    #[arg(long, requires = "ci")]
    pub(crate) failed: bool,
    /// Replace the kept schemas (schema-tests/introspection.expected.graphql) that differ; with
    /// EXO_RUN_INTROSPECTION_TESTS=1 they are checked
    #[arg(long, requires = "ci")]
    pub(crate) update: bool,
    /// Show what access control saw and the SQL of each request that failed
    #[arg(long, requires = "ci")]
    pub(crate) explain: bool,
    /// List every access rule with the conditions the tests saw true and false
    #[arg(long, requires = "ci")]
    pub(crate) access_coverage: bool,
    /// Fail when the tests saw less than this many percent of the conditions of all access rules
    #[arg(long, value_name = "N", requires = "ci", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) min_access_coverage: Option<u8>,
    /// Run again what a save concerns, until Ctrl-C
    #[arg(long, requires = "ci")]
    pub(crate) watch: bool,
    /// Leave out the lines of passed tests
    #[arg(long, requires = "ci")]
    pub(crate) quiet: bool,
    /// How many tests run at once [default: twice the number of cores]
    #[arg(long, value_name = "N", requires = "ci")]
    pub(crate) jobs: Option<usize>,
}

/// Switches of the interactive studio.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Studio")]
pub(crate) struct InteractiveArgs {
    /// Port of the API [default: EXO_SERVER_PORT, else 9876]
    #[arg(short, long)]
    pub(crate) port: Option<u16>,
    /// Use this database in place of the bundled one [default: EXO_POSTGRES_URL, then DATABASE_URL]
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// Allow writing to a database of your own, migrations included
    #[arg(long)]
    pub(crate) read_write: bool,
    /// Print plain lines in place of the panes
    #[arg(long)]
    pub(crate) plain: bool,
    /// Signs and borders in ASCII
    #[arg(long)]
    pub(crate) ascii: bool,
    /// Leave the mouse to the terminal
    #[arg(long)]
    pub(crate) no_mouse: bool,
    /// File that rebinds keys by action name [default: exo-studio/keys in the configuration folder, if there]
    #[arg(long, value_name = "FILE")]
    pub(crate) keymap: Option<PathBuf>,
    /// Events as JSON lines on standard output, orders as JSON lines on standard input, no panes
    #[arg(long)]
    pub(crate) jsonl: bool,
    /// What may happen to the data without a question: rename-table, rename-column, delete-table, delete-column,
    /// back-fill … as in the file of `schema migrate --interactions`; what it does not name is left alone
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Also write every event and every key as a JSON line to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// `false` lets every request run although the project has trusted documents
    #[arg(long, value_name = "BOOL", default_value = "true")]
    pub(crate) enforce_trusted_documents: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a project from a template
    New(NewArgs),
    /// Check the model and write target/index.exo_ir
    Build(ProjectArgs),
    /// Check the model and print its problems
    Check(CheckArgs),
    /// Serve the model in production: EXO_POSTGRES_URL and the other EXO_* variables say how
    Serve(ServeArgs),
    /// Tables: print, compare, import
    Schema {
        #[command(subcommand)]
        command: SchemaCommand,
    },
    /// The project's database: copies, restore, reset, psql, dump
    Db(DbArgs),
    /// The GraphQL schema
    Graphql {
        #[command(subcommand)]
        command: GraphqlCommand,
    },
    /// Make a hook component from a template: source, build command and test
    NewHook(NewHookArgs),
    /// Look at hook components
    Hooks {
        #[command(subcommand)]
        command: HooksCommand,
    },
    /// Work with one hook component
    Hook {
        #[command(subcommand)]
        command: HookCommand,
    },
    /// The JSON-RPC surface
    Rpc {
        #[command(subcommand)]
        command: RpcCommand,
    },
    /// Lay out model files in the standard form
    Fmt(FmtArgs),
    /// Explain a problem code such as E0030, with a wrong and a right example
    Explain {
        /// The code
        code: String,
    },
    /// The manual of the terminal: every screen and every key
    Manual {
        /// Only the tables of keys
        #[arg(long)]
        keys: bool,
    },
    /// Play a session recorded with --record
    #[command(hide = true)]
    Replay(ReplayArgs),
    /// Language server for editors, on standard input and output
    Lsp {
        /// Accepted because some editors add it; there is no other channel
        #[arg(long)]
        stdio: bool,
    },
    /// The process that owns the bundled Postgres
    #[command(name = "__postgres", hide = true)]
    Postgres {
        /// Settings of the supervisor
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<std::ffi::OsString>,
    },
}

/// Languages of `new-hook`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HookLanguage {
    /// Rust, for wasm32-wasip2
    Rust,
    /// JavaScript on QuickJS
    Js,
    /// TypeScript, bundled to JavaScript on QuickJS
    Ts,
    /// Python
    Python,
    /// C with clang, without a library
    C,
}

/// `exo-studio new-hook`.
#[derive(Debug, Args)]
pub(crate) struct NewHookArgs {
    /// Name of the hook; the folder is hooks/NAME
    pub(crate) name: String,
    /// Language of the guest
    #[arg(short, long, value_enum)]
    pub(crate) lang: HookLanguage,
    /// The project
    #[arg(long, default_value = ".")]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HooksCommand {
    /// What a component exports and needs, how long it compiles, and a timed dry call
    Check {
        /// The component, or a core module
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum HookCommand {
    /// Call an export by hand and print its answer as JSON
    Call(HookCallArgs),
}

/// `exo-studio hook call`.
#[derive(Debug, Args)]
pub(crate) struct HookCallArgs {
    /// Name in exo.toml, or a file
    pub(crate) name: String,
    /// Interface and function, such as gateway.on-request; of a plain core module a function
    pub(crate) export: String,
    /// What the call is about, as a JSON object. All: headers, method, target, claims. gateway.on-response: status.
    /// interceptors: hook, kind, field, key, operation, arguments, selection, and result for after. authorization: rule,
    /// type, member, details, and items for review. module: name, arguments. A core module: arguments, a list of numbers
    #[arg(long, value_name = "ARGS", default_value = "{}")]
    pub(crate) json: String,
    /// The project
    #[arg(long, default_value = ".")]
    pub(crate) dir: PathBuf,
}

/// `exo-studio new`.
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// Folder to make; its name becomes the project's name
    pub(crate) path: PathBuf,
    /// What to start from
    #[arg(short, long, default_value = "todo")]
    pub(crate) template: String,
    /// Open the studio on it; an existing project is opened as it is
    #[arg(long)]
    pub(crate) run: bool,
    /// Write the model of an existing database: of this one, of --database, EXO_POSTGRES_URL or DATABASE_URL
    #[arg(long, value_name = "URL", num_args = 0..=1, require_equals = true, conflicts_with = "template")]
    pub(crate) from_database: Option<Option<String>>,
    /// The database of --from-database
    #[arg(long, value_name = "URL", requires = "from_database")]
    pub(crate) database: Option<String>,
    /// With --from-database: limit to these tables [default: all]
    #[arg(long, value_name = "LIST", requires = "from_database")]
    pub(crate) scope: Option<String>,
    /// With --from-database: let everybody query the imported types
    #[arg(long, value_name = "BOOL", num_args = 0..=1, action = clap::ArgAction::Set, default_value_t = false, default_missing_value = "true")]
    pub(crate) query_access: bool,
    /// With --from-database: let everybody change the imported types
    #[arg(long, value_name = "BOOL", num_args = 0..=1, action = clap::ArgAction::Set, default_value_t = false, default_missing_value = "true")]
    pub(crate) mutation_access: bool,
    #[command(flatten)]
    pub(crate) interactive: InteractiveArgs,
}

/// `exo-studio replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The recording
    pub(crate) file: PathBuf,
    /// Print every frame as text in place of playing
    #[arg(long)]
    pub(crate) frames: bool,
    /// Columns and rows of the frames, until the recording says otherwise
    #[arg(long, value_name = "WxH", default_value = "120x36", value_parser = size, requires = "frames")]
    pub(crate) size: (u16, u16),
    /// Faster (2) or slower (0.5)
    #[arg(long, default_value_t = 1.0, value_parser = speed, conflicts_with = "frames")]
    pub(crate) speed: f64,
}

fn size(text: &str) -> Result<(u16, u16), String> {
    let parts =
        text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    parts
        .filter(|(width, height)| (1..=1000).contains(width) && (1..=1000).contains(height))
        .ok_or_else(|| "a size looks like 120x36, with 1 to 1000 columns and rows".to_owned())
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse::<f64>().ok().filter(|speed| (0.01..=1000.0).contains(speed));
    speed.ok_or_else(|| "a speed is a number from 0.01 to 1000".to_owned())
}

/// Commands that only need a project.
#[derive(Debug, Args)]
pub(crate) struct ProjectArgs {
    /// The project
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,
}

/// How problems are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProblemFormat {
    /// Text with source excerpts
    Human,
    /// One JSON object per problem
    Json,
    /// Annotations for GitHub workflows
    Github,
}

/// `exo-studio check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The project
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,
    /// How problems are printed
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: ProblemFormat,
    /// Check again after every save, until Ctrl-C
    #[arg(short, long)]
    pub(crate) watch: bool,
}

/// `exo-studio fmt`.
#[derive(Debug, Args)]
pub(crate) struct FmtArgs {
    /// The project
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Change nothing; name the files that would change and exit with 1
    #[arg(long)]
    pub(crate) check: bool,
}

/// `exo-studio serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The project
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,
}

/// Where schema commands read the model from and write to.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// Write to this file in place of standard output
    #[arg(short, long)]
    pub(crate) output: Option<PathBuf>,
    /// Read target/index.exo_ir in place of the sources
    #[arg(long)]
    pub(crate) use_ir: bool,
    /// Overwrite an existing file without asking
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SchemaCommand {
    /// Print the statements that create all tables
    Create {
        #[command(flatten)]
        output: OutputArgs,
        /// Limit to these tables, for example `a.*,public.book*`
        #[arg(long, value_name = "LIST")]
        scope: Option<String>,
    },
    /// Print or apply what the database lacks
    Migrate {
        #[command(flatten)]
        output: OutputArgs,
        /// Database URL [default: EXO_POSTGRES_URL, then DATABASE_URL]
        #[arg(long, value_name = "URL")]
        database: Option<String>,
        /// Apply in one transaction
        #[arg(long, conflicts_with = "output")]
        apply_to_database: bool,
        /// Keep destructive statements active
        #[arg(long)]
        allow_destructive_changes: bool,
        /// Limit to these tables, for example `a.*,public.book*`
        #[arg(long, value_name = "LIST")]
        scope: Option<String>,
        /// Prepared answers about missing tables
        #[arg(long, value_name = "FILE")]
        interactions: Option<PathBuf>,
        /// Never ask; a missing table is a destructive drop
        #[arg(long)]
        non_interactive: bool,
        /// Print the steps with their classes and locks as JSON in place of the statements
        #[arg(long, conflicts_with_all = ["apply_to_database", "output"])]
        json: bool,
    },
    /// Compare model and database
    Verify {
        /// Database URL [default: EXO_POSTGRES_URL, then DATABASE_URL]
        #[arg(long, value_name = "URL")]
        database: Option<String>,
        /// Read target/index.exo_ir in place of the sources
        #[arg(long)]
        use_ir: bool,
        /// Limit to these tables
        #[arg(long, value_name = "LIST")]
        scope: Option<String>,
        /// Has no effect: nothing is asked
        #[arg(short, long, hide = true)]
        yes: bool,
    },
    /// Write a model from a database
    Import {
        /// Database URL [default: EXO_POSTGRES_URL, then DATABASE_URL]
        #[arg(long, value_name = "URL")]
        database: Option<String>,
        /// Write to this file in place of standard output
        #[arg(short, long)]
        output: Option<PathBuf>,
        /// Overwrite an existing file without asking
        #[arg(short, long)]
        yes: bool,
        /// Limit to these tables [default: all]
        #[arg(long, value_name = "LIST")]
        scope: Option<String>,
        /// Let everybody query the imported types
        #[arg(long, value_name = "BOOL", num_args = 0..=1, action = clap::ArgAction::Set, default_value_t = false, default_missing_value = "true")]
        query_access: bool,
        /// Let everybody change the imported types
        #[arg(long, value_name = "BOOL", num_args = 0..=1, action = clap::ArgAction::Set, default_value_t = false, default_missing_value = "true")]
        mutation_access: bool,
        /// Write fragments in place of types
        #[arg(long, alias = "fragments")]
        generate_fragments: bool,
    },
}

/// `exo-studio db`.
#[derive(Debug, Args)]
pub(crate) struct DbArgs {
    /// The project
    #[arg(long, short = 'C', default_value = ".", global = true)]
    pub(crate) dir: PathBuf,
    #[command(subcommand)]
    pub(crate) command: DbCommand,
}

/// What to do with the project's database, beside a running studio or without one.
#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Show the copies of the database, newest first
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a copy and print its name
    Snapshot {
        /// Its name: letters, digits, `.`, `_`, `-`
        name: Option<String>,
    },
    /// Replace the database by a copy; what is there is kept as another copy
    Restore {
        /// The copy
        name: String,
    },
    /// Go back to before the last migration; what is there is kept as a copy
    Undo,
    /// Empty the database; what is there is kept as a copy, the tables and seeds come anew
    Reset,
    /// Remove a copy
    Drop {
        /// The copy
        name: String,
    },
    /// Run tests/init* now (with a running studio) or at the next start
    Seed,
    /// Print the URL of the database
    Url,
    /// Open psql on it; without psql or with -c, run statements and print the rows
    Psql {
        /// Statements
        #[arg(short, long, value_name = "SQL")]
        command: Option<String>,
    },
    /// Run an SQL file in one transaction; `-` is standard input
    Load {
        /// The file
        file: PathBuf,
    },
    /// Move the data from another major version of Postgres to the bundled one; the old folder is kept
    Upgrade {
        /// Folder of the old version's programs [default: looked for on this machine]
        #[arg(long, value_name = "DIR")]
        server: Option<PathBuf>,
    },
    /// Write tables and rows as SQL
    Dump {
        /// Write to this file in place of standard output
        #[arg(short, long)]
        output: Option<PathBuf>,
        /// Only the rows
        #[arg(long)]
        data_only: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RpcCommand {
    /// Write the OpenRPC description to generated/rpc-schema.json; `-o -` prints it
    Schema {
        /// File to write; `-` is standard output
        #[arg(short, long)]
        output: Option<PathBuf>,
        /// Read target/index.exo_ir in place of the sources
        #[arg(long)]
        use_ir: bool,
    },
}

/// Formats of the GraphQL schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphqlFormat {
    /// SDL
    Graphql,
    /// Introspection result
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GraphqlCommand {
    /// Write the schema to generated/schema.graphql (or .json); `-o -` prints it
    Schema {
        /// SDL or introspection JSON
        #[arg(short, long, value_enum, default_value = "graphql")]
        format: GraphqlFormat,
        /// File to write; `-` is standard output
        #[arg(short, long)]
        output: Option<PathBuf>,
        /// Read target/index.exo_ir in place of the sources
        #[arg(long)]
        use_ir: bool,
    },
}
