//! Diagnostics as text with excerpts, and as the problems that interfaces and machine-readable formats show.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use studio_events::{Problem, ProblemFix, ProblemLabel, Severity, TextEdit};

use super::Diagnostic;
use crate::source::{FileId, FileTable, Position, Span};

/// Longest stretch of source shown as an excerpt, in bytes.
const MAX_EXCERPT: usize = 64 * 1024;

/// How the text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RenderStyle {
    /// Without colours.
    #[default]
    Plain,
    /// With terminal colours.
    Coloured,
}

/// A place with its text, and whether it is the primary one.
type Place<'t> = (Span, &'t str, bool);

impl Diagnostic {
    /// The text with source excerpt and carets, ending without a line break.
    pub fn render(&self, files: &FileTable, style: RenderStyle) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group: Group<'_> =
            Group::with_title(level.primary_title(&*self.message).id(self.code.as_str()));
        // The primary file first, then the others in order.
        let mut by_file: Vec<(FileId, Vec<Place<'_>>)> = Vec::new();
        let primary =
            self.primary.map(|span| (span, self.primary_label.as_deref().unwrap_or_default(), true));
        let labels = self.labels.iter().map(|(span, text)| (*span, text.as_str(), false));
        for place in primary.into_iter().chain(labels) {
            match by_file.iter_mut().find(|(file, _)| *file == place.0.file) {
                Some((_, places)) => places.push(place),
                None => by_file.push((place.0.file, vec![place])),
            }
        }
        for (file, places) in by_file {
            let Some(source) = files.get(file) else { continue };
            let start = places.iter().map(|place| place.0.start).min().unwrap_or(0) as usize;
            let end = places.iter().map(|place| place.0.end).max().unwrap_or(0) as usize;
            let range = line_range(&source.text, start, end);
            if range.len() > MAX_EXCERPT {
                let position = files.position(places[0].0);
                group = group.element(
                    Origin::path(source.path.to_string())
                        .line(position.line as usize)
                        .char_column(position.column as usize),
                );
                continue;
            }
            let first_line = source.position(range.start as u32).line as usize;
            let mut snippet = Snippet::source(source.text.get(range.clone()).unwrap_or_default())
                .path(source.path.to_string())
                .line_start(first_line);
            for (span, text, is_primary) in places {
                let kind = if is_primary { AnnotationKind::Primary } else { AnnotationKind::Context };
                let within = (span.start as usize - range.start)..(span.end as usize - range.start);
                let annotation = kind.span(within);
                let annotation = if text.is_empty() { annotation } else { annotation.label(text) };
                snippet = snippet.annotation(annotation);
            }
            group = group.element(snippet);
        }
        for help in &self.help {
            group = group.element(Level::HELP.message(&**help));
        }
        if let Some(fix) = &self.fix
            && self.help.is_empty()
        {
            group = group.element(Level::HELP.message(&*fix.title));
        }
        let renderer = match style {
            RenderStyle::Plain => Renderer::plain(),
            RenderStyle::Coloured => Renderer::styled(),
        };
        renderer.render(&[group])
    }

    /// `path:line:column: error[E0030]: message` on one line.
    pub fn one_line(&self, files: &FileTable) -> String {
        let severity = severity_text(self.severity);
        match self.primary {
            Some(span) => format!("{}: {severity}[{}]: {}", files.location(span), self.code, self.message),
            None => format!("{severity}[{}]: {}", self.code, self.message),
        }
    }

    /// As the user interface shows it and as the machine-readable formats write it.
    pub fn to_problem(&self, files: &FileTable) -> Problem {
        let none = Position { line: 0, column: 0 };
        let start = self.primary.map_or(none, |span| files.position(span));
        let end = self.primary.map_or(none, |span| files.position(span.after()));
        Problem {
            severity: self.severity,
            code: self.code.as_str().to_owned(),
            message: self.message.clone(),
            file: self.primary.map(|span| files.path(span).to_string()).unwrap_or_default(),
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            rendered: self.render(files, RenderStyle::Plain),
            labels: self.labels.iter().map(|(span, text)| label(files, *span, text)).collect(),
            help: self.help.clone(),
            fix: self.problem_fix(files),
        }
    }

    fn problem_fix(&self, files: &FileTable) -> Option<ProblemFix> {
        self.fix.as_ref().map(|fix| ProblemFix {
            title: fix.title.clone(),
            edits: fix
                .edits
                .iter()
                .map(|(span, text)| TextEdit {
                    file: files.path(*span).to_string(),
                    start: span.start as usize,
                    end: span.end as usize,
                    text: text.clone(),
                })
                .collect(),
        })
    }
}

fn severity_text(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn label(files: &FileTable, span: Span, text: &str) -> ProblemLabel {
    let (start, end) = (files.position(span), files.position(span.after()));
    ProblemLabel {
        file: files.path(span).to_string(),
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
        text: text.to_owned(),
    }
}

/// The whole lines that contain the range.
fn line_range(text: &str, start: usize, end: usize) -> Range<usize> {
    let (start, end) = (start.min(text.len()), end.min(text.len()));
    let from = text.as_bytes()[..start].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let to = text.as_bytes()[end..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| end + at);
    from..to
}
