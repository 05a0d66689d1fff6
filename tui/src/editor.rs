//! The command line that opens a file at a place in the user's editor.

use std::path::Path;

/// Program and arguments; `None` when the command is empty.
pub(crate) fn command(editor: &str, file: &Path, line: u32, column: u32) -> Option<(String, Vec<String>)> {
    let mut words = editor.split_whitespace().map(str::to_owned);
    let program = words.next()?;
    let mut arguments: Vec<String> = words.collect();
    let file = file.display().to_string();
    let (line, column) = (line.max(1), column.max(1));
    let name =
        Path::new(&program).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match name.as_str() {
        "code" | "code-insiders" | "codium" | "cursor" => {
            if !arguments.iter().any(|argument| argument == "--wait" || argument == "-w") {
                arguments.push("--wait".to_owned());
            }
            arguments.extend(["--goto".to_owned(), format!("{file}:{line}:{column}")]);
        }
        "hx" | "helix" | "zed" | "subl" => arguments.push(format!("{file}:{line}:{column}")),
        "vi" | "vim" | "nvim" | "view" => {
            arguments.extend([format!("+call cursor({line},{column})"), file]);
        }
        "emacs" | "emacsclient" | "kak" => arguments.extend([format!("+{line}:{column}"), file]),
        "micro" | "nano" | "pico" | "joe" | "ne" | "mg" => arguments.extend([format!("+{line}"), file]),
        // Something we do not know may take `+1` for a file name.
        _ => arguments.push(file),
    }
    Some((program, arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editors_are_called_their_way() {
        let of = |editor: &str| {
            command(editor, Path::new("/p/a.exo"), 14, 3).map(|(_, arguments)| arguments.join(" "))
        };
        assert_eq!(of("nvim -R").as_deref(), Some("-R +call cursor(14,3) /p/a.exo"));
        assert_eq!(of("code").as_deref(), Some("--wait --goto /p/a.exo:14:3"));
        assert_eq!(of("/usr/bin/hx").as_deref(), Some("/p/a.exo:14:3"));
        assert_eq!(of("nano").as_deref(), Some("+14 /p/a.exo"));
        assert_eq!(of("cat").as_deref(), Some("/p/a.exo"));
        assert_eq!(of("  "), None);
    }
}
