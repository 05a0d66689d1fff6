//! Arguments of the supervisor. The studio writes them and the supervisor reads them; users never see
//! them, so there is one spelling and no help text.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// What the supervisor is asked to run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Options {
    /// The project whose database it is; `None` for a throw-away cluster.
    pub(crate) project: Option<PathBuf>,
    /// Survive a power cut (fsync on).
    pub(crate) durable: bool,
    /// Rename a data folder of another major version and start empty, instead of refusing.
    pub(crate) set_aside: bool,
    /// Folder with the programs of an installed server, instead of the bundled one.
    pub(crate) server: Option<PathBuf>,
    /// Folder below which server programs are unpacked.
    pub(crate) cache: Option<PathBuf>,
    /// Folders in which the socket's folder may be made, best first.
    pub(crate) socket_bases: Vec<PathBuf>,
    /// Folder below which a throw-away cluster is made (when not root).
    pub(crate) temporary: Option<PathBuf>,
    /// Folder in memory to prefer for a throw-away cluster.
    pub(crate) memory: Option<PathBuf>,
    /// User and group to become, when started by root.
    pub(crate) user: Option<(u32, u32)>,
}

impl Options {
    /// As command-line arguments.
    pub(crate) fn to_args(&self) -> Vec<OsString> {
        let mut args = Vec::new();
        let mut put = |name: &str, value: Option<&OsStr>| {
            args.push(OsString::from(name));
            args.extend(value.map(OsStr::to_owned));
        };
        if let Some(dir) = &self.project {
            put("--project", Some(dir.as_os_str()));
        }
        if self.durable {
            put("--durable", None);
        }
        if self.set_aside {
            put("--set-aside", None);
        }
        if let Some(dir) = &self.server {
            put("--server", Some(dir.as_os_str()));
        }
        if let Some(dir) = &self.cache {
            put("--cache", Some(dir.as_os_str()));
        }
        for dir in &self.socket_bases {
            put("--socket-base", Some(dir.as_os_str()));
        }
        if let Some(dir) = &self.temporary {
            put("--temporary", Some(dir.as_os_str()));
        }
        if let Some(dir) = &self.memory {
            put("--memory", Some(dir.as_os_str()));
        }
        if let Some((uid, gid)) = self.user {
            put("--uid", Some(OsStr::new(&uid.to_string())));
            put("--gid", Some(OsStr::new(&gid.to_string())));
        }
        args
    }

    /// The reverse of [`Options::to_args`].
    pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut options = Self::default();
        let (mut uid, mut gid) = (None, None);
        let mut args = args.into_iter();
        while let Some(name) = args.next() {
            let name = name.to_string_lossy().into_owned();
            let mut value = || args.next().ok_or_else(|| format!("{name} needs a value"));
            match name.as_str() {
                "--project" => options.project = Some(value()?.into()),
                "--durable" => options.durable = true,
                "--set-aside" => options.set_aside = true,
                "--server" => options.server = Some(value()?.into()),
                "--cache" => options.cache = Some(value()?.into()),
                "--socket-base" => options.socket_bases.push(value()?.into()),
                "--temporary" => options.temporary = Some(value()?.into()),
                "--memory" => options.memory = Some(value()?.into()),
                "--uid" => uid = Some(number(&value()?)?),
                "--gid" => gid = Some(number(&value()?)?),
                other => return Err(format!("unknown argument {other}")),
            }
        }
        options.user = match (uid, gid) {
            (Some(uid), Some(gid)) => Some((uid, gid)),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err("--uid and --gid go together".to_owned()),
        };
        Ok(options)
    }
}

fn number(text: &OsStr) -> Result<u32, String> {
    let text = text.to_string_lossy();
    text.parse().map_err(|_| format!("{text} is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_survive_the_way_through_the_command_line() {
        let options = Options {
            project: Some("/a b/$HOME'\"".into()),
            durable: true,
            set_aside: true,
            server: Some("/usr/bin".into()),
            cache: Some("/c".into()),
            socket_bases: vec!["/run".into(), "/tmp".into()],
            temporary: Some("/t".into()),
            memory: Some("/m".into()),
            user: Some((65534, 65533)),
        };
        assert_eq!(Options::parse(options.to_args()), Ok(options));
        assert_eq!(Options::parse(Options::default().to_args()), Ok(Options::default()));
    }

    #[test]
    fn wrong_arguments_are_named() {
        let parse = |args: &[&str]| Options::parse(args.iter().map(OsString::from));
        assert_eq!(parse(&["--what"]), Err("unknown argument --what".to_owned()));
        assert_eq!(parse(&["--project"]), Err("--project needs a value".to_owned()));
        assert_eq!(parse(&["--uid", "1"]), Err("--uid and --gid go together".to_owned()));
        assert_eq!(parse(&["--uid", "x"]), Err("x is not a number".to_owned()));
    }
}
