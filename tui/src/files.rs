//! Files the terminal writes: fixes, migration scripts, large copies. Paths of the project stay inside of it.

use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use studio_events::{Problem, TextEdit};

/// A project-relative path as a real one; paths that leave the project are refused.
pub(crate) fn inside(root: &Path, file: &str) -> Result<PathBuf, String> {
    let path = Path::new(file);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if plain && !file.is_empty() {
        Ok(root.join(path))
    } else {
        Err(format!("{file} is not inside the project"))
    }
}

/// Creates a file only its owner can read; fails when it exists.
pub(crate) fn create_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

/// Writes a new file into the project; never overwrites one.
pub(crate) fn write_new(root: &Path, file: &str, text: &str) -> Result<String, String> {
    let path = inside(root, file)?;
    let mut options = std::fs::OpenOptions::new();
    let written =
        options.write(true).create_new(true).open(&path).and_then(|mut out| out.write_all(text.as_bytes()));
    match written {
        Ok(()) => Ok(format!("wrote {file}")),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(format!("{file} exists already; move it away first"))
        }
        Err(error) => Err(format!("could not write {file}: {error}")),
    }
}

/// Sets or removes the budget of one operation in `exo.toml`; everything else in the file stays as it is.
pub(crate) fn write_budget(root: &Path, operation: &str, limit: &str) -> Result<String, String> {
    let path = root.join("exo.toml");
    let old = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(format!("could not read exo.toml: {error}")),
    };
    let new = with_budget(&old, operation, limit)?;
    if new == old {
        return Ok("exo.toml says so already".to_owned());
    }
    let written = if path.exists() { replace(&path, &new) } else { std::fs::write(&path, &new) };
    written.map_err(|error| format!("could not write exo.toml: {error}"))?;
    Ok(if limit.is_empty() {
        format!("exo.toml: {operation} has no budget any more")
    } else {
        format!("exo.toml: {operation} {limit}")
    })
}

/// The text with one budget set or, with an empty limit, removed.
fn with_budget(text: &str, operation: &str, limit: &str) -> Result<String, String> {
    let bare = !operation.is_empty()
        && operation.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    let quoted = format!("\"{}\"", operation.replace('\\', r"\\").replace('"', "\\\""));
    let key = if bare { operation.to_owned() } else { quoted.clone() };
    let entry = (!limit.is_empty()).then(|| format!("{key} = \"{limit}\""));
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let Some(head) = lines.iter().position(|line| line.trim() == "[budgets]") else {
        if let Some(entry) = entry {
            if lines.last().is_some_and(|line| !line.trim().is_empty()) {
                lines.push(String::new());
            }
            lines.extend(["[budgets]".to_owned(), entry]);
        }
        return Ok(joined(&lines));
    };
    let rest = lines.iter().skip(head + 1).position(|line| line.trim_start().starts_with('['));
    let end = rest.map_or(lines.len(), |at| head + 1 + at);
    let is_key = |line: &String| {
        let name = line.split_once('=').map(|(name, _)| name.trim());
        name.is_some_and(|name| name == operation || name == quoted)
    };
    let known = lines.get(head + 1..end).and_then(|section| section.iter().position(is_key));
    match (known.map(|at| head + 1 + at), entry) {
        (Some(at), _) if lines.get(at).is_some_and(|line| line.contains('[')) => {
            return Err(format!("{operation} has several budgets: edit exo.toml"));
        }
        (Some(at), Some(entry)) => lines.splice(at..=at, [entry]).for_each(drop),
        (Some(at), None) => drop(lines.remove(at)),
        (None, Some(entry)) => {
            // Behind the last line of the section that says something.
            let used =
                lines.get(head..end).and_then(|part| part.iter().rposition(|line| !line.trim().is_empty()));
            lines.insert(head + used.unwrap_or(0) + 1, entry);
        }
        (None, None) => {}
    }
    Ok(joined(&lines))
}

fn joined(lines: &[String]) -> String {
    let mut text = lines.join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Applies the fix of a problem to the files of the project, each replaced in one step.
pub(crate) fn apply_fix(root: &Path, problem: &Problem) -> Result<String, String> {
    let fix = problem.fix.as_ref().ok_or("this problem has no fix")?;
    let mut names: Vec<&str> = fix.edits.iter().map(|edit| edit.file.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut changed = Vec::new();
    // All files are checked before the first one is written.
    for name in names {
        let path = inside(root, name)?;
        let text =
            std::fs::read_to_string(&path).map_err(|error| format!("could not read {name}: {error}"))?;
        if name == problem.file && !still_matches(&text, problem) {
            return Err(format!("{name} has changed since; save it and look again"));
        }
        let edits: Vec<_> = fix.edits.iter().filter(|edit| edit.file == name).collect();
        let edited =
            edit(&text, &edits).ok_or_else(|| format!("{name} has changed since; save it and look again"))?;
        changed.push((path, edited));
    }
    for (path, text) in &changed {
        replace(path, text).map_err(|error| format!("could not write {}: {error}", path.display()))?;
    }
    Ok(format!("applied: {}", fix.title))
}

/// The line of the problem reads as it did when the problem was found.
fn still_matches(text: &str, problem: &Problem) -> bool {
    let Some(line) = usize::try_from(problem.line).ok().and_then(|line| line.checked_sub(1)) else {
        return true;
    };
    match text.lines().nth(line) {
        None => false,
        Some(line) => {
            // Excerpts show tabs as spaces.
            let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            problem.rendered.is_empty() || squeeze(&problem.rendered).contains(&squeeze(line))
        }
    }
}

/// The text with its replacements; `None` when one does not fit or two overlap.
fn edit(text: &str, edits: &[&TextEdit]) -> Option<String> {
    let mut edits = edits.to_vec();
    edits.sort_by_key(|edit| (edit.start, edit.end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        if edit.end < edit.start {
            return None;
        }
        out.push_str(text.get(at..edit.start)?);
        out.push_str(&edit.text);
        text.get(edit.start..edit.end)?;
        at = edit.end;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}

/// Writes beside the file and renames, keeping its permissions, so that no reader sees half of it.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = std::fs::canonicalize(path)?;
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".exo-studio-{}", std::process::id()));
    let beside = path.with_file_name(name);
    let permissions = std::fs::metadata(&path)?.permissions();
    let written = std::fs::write(&beside, text)
        .and_then(|()| std::fs::set_permissions(&beside, permissions))
        .and_then(|()| std::fs::rename(&beside, &path));
    if written.is_err() {
        // Best effort: the error of the writing is the one that matters.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use studio_events::{ProblemFix, Severity};

    fn problem(file: &str, start: usize, end: usize) -> Problem {
        Problem {
            severity: Severity::Error,
            code: "E0203".into(),
            message: "unknown type `Usre`".into(),
            file: "src/index.exo".into(),
            line: 1,
            column: 8,
            end_line: 0,
            end_column: 0,
            rendered: "error\n  1 | owner: Usre\n".into(),
            labels: Vec::new(),
            help: Vec::new(),
            fix: Some(ProblemFix {
                title: "replace".into(),
                edits: vec![TextEdit { file: file.into(), start, end, text: "User".into() }],
            }),
        }
    }

    #[test]
    fn a_fix_is_applied_once_and_only_to_the_text_it_was_made_for() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("src")).unwrap();
        let file = root.path().join("src/index.exo");
        std::fs::write(&file, "\towner: Usre\nnext: Int\n").unwrap();
        let found = problem("src/index.exo", 8, 12);
        assert_eq!(apply_fix(root.path(), &found).unwrap(), "applied: replace");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "\towner: User\nnext: Int\n");
        assert!(apply_fix(root.path(), &found).unwrap_err().contains("has changed since"));
        assert!(apply_fix(root.path(), &problem("src/index.exo", 8, 400)).is_err());
        assert!(apply_fix(root.path(), &problem("../x", 0, 0)).unwrap_err().contains("not inside"));
        assert!(apply_fix(root.path(), &problem("/etc/passwd", 0, 0)).unwrap_err().contains("not inside"));
        assert_eq!(std::fs::read_dir(root.path().join("src")).unwrap().count(), 1);
    }

    #[test]
    fn a_budget_is_set_changed_and_removed_and_the_rest_stays() {
        let text = "# mine\n[personas.anna]\nclaims = { sub = \"1\" }\n";
        let one = with_budget(text, "Board", "p95 < 10 ms").unwrap();
        assert_eq!(one, format!("{text}\n[budgets]\nBoard = \"p95 < 10 ms\"\n"));
        let two = with_budget(&one, "odd name", "max < 1 s").unwrap();
        assert!(two.ends_with("Board = \"p95 < 10 ms\"\n\"odd name\" = \"max < 1 s\"\n"), "{two}");
        let changed = with_budget(&two, "Board", "p50 < 1 ms").unwrap();
        assert!(changed.contains("Board = \"p50 < 1 ms\"") && !changed.contains("10 ms"), "{changed}");
        let gone = with_budget(&with_budget(&changed, "Board", "").unwrap(), "odd name", "").unwrap();
        assert_eq!(gone, format!("{text}\n[budgets]\n"));
        assert_eq!(with_budget("", "Board", "").unwrap(), "");
        let middle = "[budgets]\nA = \"p50 < 1 ms\"\n\n[postgres]\ndurable = true\n";
        let inserted = with_budget(middle, "B", "p50 < 2 ms").unwrap();
        assert!(
            inserted.starts_with("[budgets]\nA = \"p50 < 1 ms\"\nB = \"p50 < 2 ms\"\n\n[postgres]"),
            "{inserted}"
        );
        assert!(with_budget("[budgets]\nA = [\"p50 < 1 ms\"]\n", "A", "p50 < 2 ms").is_err());
    }

    #[test]
    fn edits_out_of_range_or_overlapping_are_refused() {
        let edit_of = |start, end| TextEdit { file: String::new(), start, end, text: "x".into() };
        let (one, two) = (edit_of(0, 2), edit_of(2, 3));
        assert_eq!(edit("aäb", &[&edit_of(1, 3)]).as_deref(), Some("axb"));
        assert_eq!(edit("aäb", &[&edit_of(2, 3)]), None);
        assert_eq!(edit("abc", &[&two, &one]).as_deref(), Some("xx"));
        assert_eq!(edit("abc", &[&edit_of(0, 2), &edit_of(1, 3)]), None);
        assert_eq!(edit("abc", &[&edit_of(3, 2)]), None);
    }

    #[test]
    fn a_file_is_never_overwritten() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(write_new(root.path(), "a.sql", "1").unwrap(), "wrote a.sql");
        assert!(write_new(root.path(), "a.sql", "2").unwrap_err().contains("exists already"));
        assert_eq!(std::fs::read_to_string(root.path().join("a.sql")).unwrap(), "1");
    }
}
